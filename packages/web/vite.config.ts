import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** The dashboard as the server sends it: docs/decisions/0017-the-dashboard.md. `vite` alone serves the sources, beside a server on port 8080. */
export default defineConfig({
  root: folder,
  base: '/ui/',
  resolve: { conditions: ['drover-source', 'module', 'browser', 'development|production'] },
  esbuild: { jsx: 'automatic' },
  css: { modules: { localsConvention: 'camelCaseOnly' } },
  build: {
    outDir: 'bundle',
    emptyOutDir: true,
    target: 'es2022',
    // Nothing inline: the page's policy allows files of this server only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      onwarn: (warning, warn) => {
        // Directives for servers that render, and notes for another bundler: nothing of ours.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE' && warning.code !== 'INVALID_ANNOTATION') warn(warning);
      },
    },
  },
  server: {
    proxy: {
      '/api': { target: 'http://127.0.0.1:8080', xfwd: true },
      '/ui/session': { target: 'http://127.0.0.1:8080', xfwd: true },
    },
  },
});
