import type { Finding, Observation } from '@drover/contract';

/** What this server is set to do for boards. */
export interface ServedBoards {
  readonly dhcpMode: 'proxy' | 'full' | 'off';
  readonly relay: boolean;
  readonly serverAddress: string | null;
  readonly ports: {
    readonly dhcp: number;
    readonly tftp: number;
    readonly http: number;
    readonly nbd: number;
    readonly nfs: number | null;
  };
  readonly tftpMaxBlockSize: number;
}

export interface MachineInterface {
  readonly name: string;
  readonly address: string;
  readonly netmask: string;
}

/** What the boot plane has told of its network. */
export interface NetworkNews {
  readonly served: readonly MachineInterface[];
  readonly refused: readonly { readonly address: string; readonly reason: string }[];
  readonly rivals: readonly {
    readonly server: string;
    readonly options: readonly number[];
    readonly tftpServer: string | null;
    readonly bootFile: string | null;
    /** Milliseconds since 1970. */
    readonly at: number;
  }[];
}

/** The other plane as it is now; `network` undefined until it has told for the first time. */
export interface BootPlaneView {
  readonly ready: boolean;
  readonly network: NetworkNews | undefined;
}

/** The table of faults. */
export type Diagnose = (observations: readonly Observation[]) => Finding[];
