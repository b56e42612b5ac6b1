// Makes what `drover` runs: one file per process, and one per part that is loaded when it is wanted (docs/decisions/0013-one-file-per-process.md);
// and the dashboard, as the server sends it (docs/decisions/0017-the-dashboard.md).
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'esbuild';
import { build as buildPages } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
/** As deep in the installation as `packages/*\/src`, so that `../../../` is the installation from both. */
const outdir = 'packages/cli/bundle';
// React is twice as slow in a bundle for developers, which is what Vite makes when it is told of another environment, such as that of a test.
process.env.NODE_ENV = 'production';

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

/** Compressed once here instead of at each request. Small files gain nothing. */
async function compressFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.(js|css|svg|html)$/.test(entry.name));
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const bytes = await readFile(path);
    if (bytes.length < 1024) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    await writeFile(`${path}.br`, await promisify(brotliCompress)(bytes, { params }));
    await writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
  }
}

async function buildDashboard() {
  await buildPages({ configFile: join(root, 'packages/web/vite.config.ts'), logLevel: 'warn' });
  await compressFiles(join(root, 'packages/web/bundle'));
}

/**
 * The contract as the CPI and its client use it. The CPI is a process for each call, and schemas are made anew by each process that has them: with all of them it took
 * half as long again to start. Of an operation a client asks its method and its path.
 */
const contractOfTheCpi = {
  name: 'contract-of-the-cpi',
  setup: ({ onResolve, onLoad }) => {
    const names = [
      ...['LabelKey', 'LabelValue', 'MemoryMiB', 'Model', 'Name', 'Problem', 'RootMode', 'apiBase', 'cpiErrorOf'],
      ...['errorTable', 'fillPath', 'isPassing', 'problemOf', 'routes'],
    ];
    const bundled = async (options) => {
      const { outputFiles } = await build({ ...common, banner: {}, write: false, ...options });
      return outputFiles[0].text;
    };
    const bareRoutes = {
      name: 'bare-routes',
      setup: (inner) =>
        inner.onLoad({ filter: /\/contract\/src\/routes\/table\.ts$/ }, async ({ path }) => {
          const source = Buffer.from(await bundled({ entryPoints: [path] })).toString('base64');
          const { routes } = await import(`data:text/javascript;base64,${source}`);
          const bare = Object.entries(routes).map(([id, { method, path: to, idempotent }]) => [
            id,
            { method, path: to, idempotent },
          ]);
          return { contents: `export const routes = ${JSON.stringify(Object.fromEntries(bare))};` };
        }),
    };
    onResolve({ filter: /^@drover\/contract$/ }, () => ({ path: 'contract', namespace: 'of-the-cpi' }));
    onLoad({ filter: /^contract$/, namespace: 'of-the-cpi' }, async () => {
      const resolveDir = join(root, 'packages/contract');
      const stdin = { contents: `export { ${names.join(', ')} } from '@drover/contract';`, resolveDir };
      return { contents: await bundled({ stdin, external: ['zod'], plugins: [bareRoutes] }), resolveDir };
    });
  },
};

/** A program that is one file wherever it is copied to: CommonJS, as its name has no ending and no package.json stands beside it there. */
const cpi = 'packages/bosh-cpi/bin/drover-cpi';

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
      'unpack-thread': 'packages/server/src/boot-plane/nfs/unpack-thread.ts',
    },
  }),
  buildDashboard(),
  // In one piece: it is also sent to other hosts.
  build({ ...common, entryPoints: { 'builder-main': 'packages/builder/src/process/builder-main.ts' } }),
  build({
    ...common,
    outdir: undefined,
    outfile: cpi,
    format: 'cjs',
    // A quarter less to read at each call; names stay, for whoever reads a stack.
    minifyWhitespace: true,
    banner: { js: '#!/usr/bin/env node' },
    entryPoints: ['packages/bosh-cpi/src/executable.ts'],
    plugins: [contractOfTheCpi],
  }),
]);
await chmod(join(root, cpi), 0o755);
