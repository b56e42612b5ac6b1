import { defineConfig } from 'vitest/config';

// Workers get these as `--conditions`. Neither `import` nor `require`: Node adds the one that fits, and forcing it on a package that has both
// forms breaks those that mix them (pg).
const conditions = ['drover-source', 'node'];
/** For what is waited for with `expect.poll`: a machine at work may be slow, and what comes is not waited for any longer. */
const patience = { expect: { poll: { timeout: 20_000 } } };
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};

// Which tests need what: unit nothing; contract PostgreSQL and the file system; interop the system tools
// that scripts/install-packages brings; e2e root, namespaces and QEMU.
export default defineConfig({
  ...shared,
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/*.test.ts'],
          // Unit tests share nothing by their nature; a fresh process for each file takes longer than most of the files.
          isolate: false,
        },
      },
      {
        ...shared,
        test: {
          name: 'contract',
          ...patience,
          include: ['packages/*/test/contract/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'interop',
          ...patience,
          include: ['packages/*/test/interop/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'system',
          ...patience,
          include: ['packages/*/test/system/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        ...shared,
        test: {
          // The dashboard in a real browser, over a real server.
          name: 'browser',
          ...patience,
          include: ['packages/*/test/browser/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          ...patience,
          include: ['e2e/**/*.test.ts'],
          exclude: ['e2e/**/*.pair.test.ts', 'e2e/**/*.long.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
        },
      },
      {
        ...shared,
        test: {
          // Two guests at once, and nothing beside them.
          name: 'e2e-pairs',
          ...patience,
          include: ['e2e/**/*.pair.test.ts'],
          exclude: ['e2e/**/*.long.pair.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
      {
        ...shared,
        test: {
          // Minutes each, of what the gate has a shorter test of: for the soak.
          name: 'e2e-long',
          ...patience,
          include: ['e2e/**/*.long.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 1_800_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e-long-pairs',
          ...patience,
          include: ['e2e/**/*.long.pair.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
