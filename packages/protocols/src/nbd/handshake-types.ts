import type { NbdExportInfo } from './export-info.js';

/** Bounds on what a client may say before it has named an export it may use. */
export interface NbdHandshakeLimits {
  /** Options in all. */
  readonly options: number;
  /** Data of one option in bytes; longer ones are skipped and answered with NBD_REP_ERR_TOO_BIG. */
  readonly optionBytes: number;
  /** Data of all options in bytes. */
  readonly totalBytes: number;
  /** Queries of one NBD_OPT_LIST_META_CONTEXT or NBD_OPT_SET_META_CONTEXT. */
  readonly queries: number;
}

export interface NbdHandshakeSettings {
  /** proto.md, "TLS support": off is NOTLS, optional is SELECTIVETLS, required is FORCEDTLS. */
  readonly tls: 'off' | 'optional' | 'required';
  /** Answers NBD_OPT_LIST; otherwise it is refused with NBD_REP_ERR_POLICY. */
  readonly listExports: boolean;
  readonly limits: NbdHandshakeLimits;
}

/** Why an export is not to be had. `tls-required`: only over TLS. */
export type NbdRefusalReason = 'unknown' | 'policy' | 'tls-required' | 'shutting-down';

export type NbdExportAnswer =
  | { readonly ok: true; readonly info: NbdExportInfo }
  /** `message` is shown to the client. */
  | { readonly ok: false; readonly reason: NbdRefusalReason; readonly message: string };

export interface NbdListedExport {
  readonly name: string;
  readonly description?: string;
}

/** What was agreed: the rules of the transmission phase. */
export interface NbdSession {
  readonly name: string;
  readonly info: NbdExportInfo;
  /** Transmission flags as they were sent. */
  readonly flags: number;
  readonly structuredReplies: boolean;
  /** The client promised to keep to the block sizes it was told. */
  readonly blockSizeNegotiated: boolean;
  /** Id of the metadata context `base:allocation`; undefined when it was not selected. */
  readonly allocationContext: number | undefined;
}

/** What to do now. */
export type NbdHandshakeStep =
  /** Push more bytes, then ask again. */
  | { readonly kind: 'more' }
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Look the export up and call `opened`. The same name may come again: it is the same export until `start-tls`. */
  | { readonly kind: 'open'; readonly name: string }
  /** Call `listed`. */
  | { readonly kind: 'list' }
  /** Send, then run the TLS handshake as the server, then call `secured`. What was agreed before is forgotten. */
  | { readonly kind: 'start-tls'; readonly bytes: Uint8Array }
  /** Send; the transmission phase begins. `rest` is what the client has sent of it already. */
  | {
      readonly kind: 'transmission';
      readonly bytes: Uint8Array;
      readonly session: NbdSession;
      readonly rest: Uint8Array;
    }
  /** Send, then close. `fault` says what the client did wrong; undefined when it may leave like this. */
  | { readonly kind: 'end'; readonly bytes: Uint8Array; readonly fault: string | undefined };

/** The server's side of one handshake, without socket and clock. */
export interface NbdHandshake {
  /** Bytes from the client; only when `next` said `more`. */
  push(bytes: Uint8Array): void;
  next(): NbdHandshakeStep;
  /** Answer to `open`. */
  opened(answer: NbdExportAnswer): void;
  /** Answer to `list`. */
  listed(exports: readonly NbdListedExport[]): void;
  /** TLS is up. */
  secured(): void;
}
