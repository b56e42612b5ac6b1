// Makes what `drover` runs: one file per process, and one per part that is loaded when it is wanted (docs/decisions/0013-one-file-per-process.md).
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
/** As deep in the installation as `packages/*\/src`, so that `../../../` is the installation from both. */
const outdir = 'packages/cli/bundle';

const common = {
  absWorkingDir: root,
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['drover-source'],
  // Native code is read from where it lies. pg asks for pg-native, which nobody installs, only when told to.
  external: ['@photostructure/sqlite', 'koffi', 'pg-native'],
  // For what was written as CommonJS and asks for modules of Node.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  logLevel: 'warning',
};

await rm(join(root, outdir), { recursive: true, force: true });
await Promise.all([
  // Names are those of the sources: what starts a process looks for it beside itself, as it does there.
  build({
    ...common,
    splitting: true,
    chunkNames: '[name]-[hash]',
    entryPoints: {
      drover: 'packages/cli/src/main.ts',
      'plane-main': 'packages/server/src/supervisor/plane-main.ts',
      'boot-files-thread': 'packages/server/src/boot-plane/own-files/boot-files-thread.ts',
    },
  }),
  // In one piece: it is also sent to other hosts.
  build({ ...common, entryPoints: { 'builder-main': 'packages/builder/src/process/builder-main.ts' } }),
]);
