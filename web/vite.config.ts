import preact from "@preact/preset-vite";
import { defineConfig } from "vite";
import { mockService } from "./dev/mock/plugin.ts";

// One source, three pages. Run with GRIDPATROL_URL set, "npm run dev" talks to
// that service; without it, to the stand-in below dev/mock.
const service = process.env.GRIDPATROL_URL;

export default defineConfig(({ command }) => ({
  plugins: [preact(), ...(command === "serve" && !service ? [mockService()] : [])],
  build: {
    target: "es2022",
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1400,
    rollupOptions: { input: ["index.html", "m.html", "login.html", "follow.html"] },
  },
  server: service
    ? { proxy: { "/api": service, "/ws": { target: service, ws: true } } }
    : {},
}));
