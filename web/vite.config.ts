/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const backend = process.env.PORTICO_URL ?? "http://127.0.0.1:8009";
const proxied = { target: backend, changeOrigin: false };

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/portico/api/static",
    emptyOutDir: true,
    // Fonts must stay files of their own: the content security policy allows font-src 'self' and no data: fonts.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      "/api": proxied,
      "/v1": proxied,
      "/svc": proxied,
      "/a2a": proxied,
      "/health": proxied,
      "/ws": { target: backend, ws: true },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
