import { defineConfig } from 'vitest/config';

// Tests run from the compiled output: vitest does not transform TypeScript inside worker threads on
// Node 20, and a test should import what a user runs. `npm test` compiles first.
export default defineConfig({
  test: {
    include: ['dist/**/*.test.js'],
    exclude: ['node_modules/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
