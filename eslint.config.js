import js from '@eslint/js';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const noAmbient = [
  'error',
  { object: 'process', property: 'env', message: 'Only config.ts reads the environment.' },
  { object: 'Math', property: 'random', message: 'Randomness is a port; take it as a dependency.' },
];

export default tseslint.config(
  {
    ignores: [
      ...['**/dist/**', '**/bundle/**', '**/node_modules/**', '**/*.cjs', 'coverage/**', 'eslint.config.js'],
      'deploy/bosh/release/src/**',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    languageOptions: {
      globals: {
        setTimeout: 'readonly',
        process: 'readonly',
        Buffer: 'readonly',
        console: 'readonly',
        URL: 'readonly',
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-properties': noAmbient,
      // The name `z` keeps all of zod in what runs, with its messages in forty languages: half a megabyte for each process to read.
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ImportDeclaration[source.value="zod"][importKind!="type"] > ImportSpecifier[imported.name="z"]',
          message: "Write import * as z from 'zod'.",
        },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 150, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: [
      'packages/server/src/config.ts',
      'packages/cli/src/environment.ts',
      'packages/cli/bin/*.js',
      'scripts/**',
      'e2e/**',
      'bench/**',
      '**/test/**',
      '**/*.test.ts',
      'vitest.config.ts',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['packages/web/src/**'],
    plugins: { 'react-hooks': reactHooks },
    // No compiler of React makes this code: what it would leave alone is of no matter.
    rules: { ...reactHooks.configs.recommended.rules, 'react-hooks/incompatible-library': 'off' },
    languageOptions: {
      globals: Object.fromEntries(
        [
          'AbortController clearInterval clearTimeout document DragEvent Event fetch HTMLElement KeyboardEvent location',
          'localStorage navigator Node requestAnimationFrame cancelAnimationFrame ResizeObserver sessionStorage setInterval window',
          'BeforeUnloadEvent File',
        ]
          .join(' ')
          .split(' ')
          .map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['**/*.test.ts', 'e2e/**', 'packages/*/test/**', 'bench/**'],
    rules: { 'max-lines-per-function': 'off' },
  },
);
