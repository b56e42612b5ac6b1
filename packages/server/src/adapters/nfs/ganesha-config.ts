import type { NfsExport } from '../../app/nfs/ports.js';

export interface GaneshaSettings {
  readonly port: number;
  readonly mountPort: number;
  readonly versions: '3,4' | '3' | '4';
  /** Where it keeps what it must know after a restart. */
  readonly recovery: string;
  /** File with the exports. */
  readonly exports: string;
}

/** A path or name in quotes. What would end them, or begin another line, has no place in a path of ours. */
function quoted(text: string): string {
  if (/["\\\n\r]/.test(text)) throw new Error(`${JSON.stringify(text)} cannot be written into nfs-ganesha's settings`);
  return `"${text}"`;
}

/** Settings of nfs-ganesha, ganesha-core-config(8): owners as numbers, no locks over the side protocol, which a root does not need. */
export const ganeshaConfig = ({ port, mountPort, versions, recovery, exports }: GaneshaSettings): string =>
  `# Written by drover.
NFS_CORE_PARAM {
  Protocols = ${versions};
  NFS_Port = ${port};
  MNT_Port = ${mountPort};
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Enable_UDP = false;
  mount_path_pseudo = true;
}
NFSv4 {
  Graceless = true;
  Lease_Lifetime = 20;
  Only_Numeric_Owners = true;
  RecoveryRoot = ${quoted(recovery)};
}
EXPORT_DEFAULTS {
  Access_Type = None;
  SecType = sys;
  Protocols = ${versions};
  Transports = TCP;
}
%include ${quoted(exports)}
`;

/** One export, ganesha-export-config(8): nobody may mount it but its client. */
const exportBlock = ({ disk, folder, number, address, readOnly }: NfsExport): string =>
  `EXPORT {
  Export_Id = ${number};
  Path = ${quoted(folder)};
  Pseudo = ${quoted(ganeshaPath(disk))};
  Access_Type = None;
  FSAL { Name = VFS; }
  CLIENT { Clients = ${address}; Access_Type = ${readOnly ? 'RO' : 'RW'}; Squash = No_Root_Squash; }
}
`;

export const ganeshaExports = (exports: readonly NfsExport[]): string =>
  `# Written by drover.\n${exports.map(exportBlock).join('')}`;

export const ganeshaPath = (disk: string): string => `/drover/${disk}`;
