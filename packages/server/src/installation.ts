import { fileURLToPath } from 'node:url';

/** The built dashboard. The folder of this source is as deep in the installation as that of the bundle: docs/decisions/0013. */
export const dashboardFolder = fileURLToPath(new URL('../../../packages/web/bundle/', import.meta.url));
