import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  // Everything is found from the page's <base>, where the server writes the path that it is served under.
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: "../src/whatssound/http/page",
    emptyOutDir: true,
    target: "es2022",
    // The player chunk is loaded on listening only; a preload would put it into the first load.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
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
