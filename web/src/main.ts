/** Starts the page. */

import { mount } from "svelte";

import "./app.css";
import { openEngine } from "./engine";
import { chooseLanguage, currentLanguage } from "./i18n";
import App from "./views/App.svelte";

async function start(): Promise<void> {
  await chooseLanguage(navigator.languages);
  document.documentElement.lang = currentLanguage();
  const target = document.getElementById("app");
  if (target === null) throw new Error("index.html has no #app");
  mount(App, { target, props: { engine: openEngine() } });
}

void start();
