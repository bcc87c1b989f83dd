/** Starts the page. */

import { mount } from "svelte";

import "./app.css";
import { openEngine } from "./engine";
import { chooseLanguage, currentLanguage } from "./i18n";
import type { Engine } from "./state/model";
import App from "./views/App.svelte";

async function engineOf(): Promise<Engine> {
  // Designing needs every state without a server; the condition keeps the fixture out of what is built.
  if (import.meta.env.DEV && new URLSearchParams(location.search).has("fixture")) {
    return (await import("./views/fixture")).openFixture(new URLSearchParams(location.search));
  }
  return openEngine();
}

async function start(): Promise<void> {
  await chooseLanguage(navigator.languages);
  document.documentElement.lang = currentLanguage();
  const target = document.getElementById("app");
  if (target === null) throw new Error("index.html has no #app");
  mount(App, { target, props: { engine: await engineOf() } });
}

void start();
