/** Starts the page. */

import { mount } from "svelte";

import "./app.css";
import { openEngine } from "./engine";
import App from "./views/App.svelte";
import { install } from "./views/install.svelte";
import { startLanguage } from "./views/language.svelte";

install.watch();

async function start(): Promise<void> {
  await startLanguage();
  const target = document.getElementById("app");
  if (target === null) throw new Error("index.html has no #app");
  mount(App, { target, props: { engine: openEngine() } });
}

void start();
