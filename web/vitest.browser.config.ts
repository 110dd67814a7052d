import { defineConfig } from "vitest/config";

// Chromium on 2 shared cores draws by software: patience is cheaper than flakes.
export default defineConfig({
  test: {
    include: ["test/browser/*.test.ts"],
    environment: "node",
    globalSetup: ["test/browser/service.ts"],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
