import { join } from 'node:path';

/** Where the boot plane asks the control plane: a Unix socket of this server alone. */
export const backendSocket = (dataDir: string): string => join(dataDir, 'run', 'backend.sock');
