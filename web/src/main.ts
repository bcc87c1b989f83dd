/** Starts the page. */

import { mount } from "svelte";

import "./app.css";
import { address, base } from "./base";
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

/** Only https and localhost have workers; it is fetched when the page has what it needs itself. */
function startWorker(): void {
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return;
  const options = { scope: base, updateViaCache: "none" } as const;
  addEventListener("load", () => void navigator.serviceWorker.register(address("/sw.js"), options).catch(() => undefined));
}

void start();
startWorker();
