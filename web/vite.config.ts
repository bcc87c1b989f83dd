import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8000";

/** The service worker learns the names of everything that this build made. */
function workerAssets(): Plugin {
  return {
    name: "worker-assets",
    enforce: "post",
    generateBundle(_options, bundle) {
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk") throw new Error("the build made no sw.js");
      const assets = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
      worker.code = worker.code.replaceAll("__ASSETS__", JSON.stringify(assets.sort()));
    },
  };
}

export default defineConfig({
  // Everything is found from the page's <base>, where the server writes the path that it is served under.
  base: "./",
  plugins: [svelte(), workerAssets()],
  build: {
    outDir: "../src/whatssound/http/page",
    emptyOutDir: true,
    target: "es2022",
    // The player chunk is loaded on listening only; a preload would put it into the first load.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      input: { index: "index.html", sw: "src/worker/worker.ts" },
      // The worker's address is where it may work; it must not change.
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  server: {
    proxy: {
      "/v1": SERVER,
      "/audio": SERVER,
      "/socket": { target: SERVER.replace("http", "ws"), ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
