import { fileURLToPath } from 'node:url';

/** Where Drover lies on this machine: the folder that holds `packages`, `device` and `recipes`. What runs lies as deep in it as this source (scripts/bundle.mjs). */
export const installation = fileURLToPath(new URL('../../../', import.meta.url));
