import { encodeTftp, errorCode, type TftpOption, type TftpRequest } from './codec.js';

/** What the server is willing to do, whatever a client asks for. */
export interface TftpLimits {
  /** Largest block in bytes. 1468 fills an Ethernet frame: 1500 less IP, UDP and TFTP headers. */
  readonly blksize: number;
  /** Most blocks in flight (RFC 7440). */
  readonly windowsize: number;
  /** Longest `timeout` option, in seconds, that is granted; a longer one is left out of the OACK. */
  readonly timeoutSeconds: number;
  /** First wait for an acknowledgement in milliseconds; it doubles with each retransmission. */
  readonly firstWaitMs: number;
  /** Longest wait in milliseconds. */
  readonly longestWaitMs: number;
  /** Retransmissions without progress before the transfer is given up. */
  readonly tries: number;
}

export const defaultTftpLimits: TftpLimits = {
  blksize: 1468,
  windowsize: 64,
  timeoutSeconds: 30,
  firstWaitMs: 1000,
  longestWaitMs: 4000,
  tries: 5,
};

/** Everything about a transfer that is settled before its first packet. */
export interface TftpPlan {
  /** File size in bytes. */
  readonly size: number;
  readonly blksize: number;
  readonly windowsize: number;
  /** Blocks of the whole file; the last one is shorter than `blksize`, possibly empty. */
  readonly blockCount: number;
  /** The OACK to begin with; undefined when the client sent no option we grant: then block 1 begins. */
  readonly oack: Uint8Array | undefined;
  /** Did the client ask for the size? Boot ROMs that do probe with it. */
  readonly tsize: boolean;
  /** Granted `timeout` option in seconds, if any. */
  readonly timeoutSeconds: number | undefined;
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  readonly tries: number;
}

export type TftpPlanned =
  | { readonly ok: true; readonly plan: TftpPlan }
  | { readonly ok: false; readonly code: number; readonly message: string };

/** RFC 2348: a block has 8 to 65464 bytes; 512 without the option. */
const minBlksize = 8;
const maxBlksize = 65464;
const defaultBlksize = 512;

/** Can this request be served at all? Settled before the file is looked up, so that a refusal is immediate. */
export function refuseRequest(request: TftpRequest): { readonly code: number; readonly message: string } | undefined {
  if (request.op === 'wrq') return { code: errorCode.accessViolation, message: 'this server is read-only' };
  if (request.mode === 'octet') return undefined;
  const known = request.mode === 'netascii' || request.mode === 'mail';
  return known
    ? { code: errorCode.undefined, message: `mode ${request.mode} is not served; ask in mode octet (binary)` }
    : { code: errorCode.illegalOperation, message: 'unknown transfer mode; ask in mode octet' };
}

/**
 * Settles block size, window and the OACK for a read request (RFC 2347 to 2349, 7440). Options that are unknown or whose
 * value is not valid are left out of the OACK, as RFC 2347 section 2 asks.
 * @param size file size in bytes
 */
export function planTransfer(request: TftpRequest, size: number, limits: TftpLimits): TftpPlanned {
  const refusal = refuseRequest(request);
  if (refusal) return { ok: false, ...refusal };
  const asked = (name: string) => request.options.find((option) => option.name === name)?.value;
  const granted: TftpOption[] = [];

  const blksize = clampOption(asked('blksize'), minBlksize, maxBlksize, limits.blksize);
  if (blksize !== undefined) granted.push({ name: 'blksize', value: String(blksize) });
  // RFC 2349: a read request asks with 0; the value is the server's to fill in, so any number will do.
  const tsize = decimal(asked('tsize')) !== undefined;
  if (tsize) granted.push({ name: 'tsize', value: String(size) });
  // RFC 2349: the answer repeats the client's value or leaves the option out; it may not change it.
  const timeout = decimal(asked('timeout'));
  const timeoutSeconds =
    timeout !== undefined && timeout >= 1 && timeout <= Math.min(255, limits.timeoutSeconds) ? timeout : undefined;
  if (timeoutSeconds !== undefined) granted.push({ name: 'timeout', value: String(timeoutSeconds) });
  const windowsize = clampOption(asked('windowsize'), 1, 65535, limits.windowsize);
  if (windowsize !== undefined) granted.push({ name: 'windowsize', value: String(windowsize) });

  const block = blksize ?? defaultBlksize;
  return {
    ok: true,
    plan: {
      size,
      blksize: block,
      windowsize: windowsize ?? 1,
      blockCount: Math.floor(size / block) + 1,
      oack: granted.length > 0 ? encodeTftp({ op: 'oack', options: granted }) : undefined,
      tsize,
      timeoutSeconds,
      firstWaitMs: timeoutSeconds === undefined ? limits.firstWaitMs : timeoutSeconds * 1000,
      longestWaitMs: timeoutSeconds === undefined ? limits.longestWaitMs : timeoutSeconds * 1000,
      tries: limits.tries,
    },
  };
}

/** The client's number when it is valid, cut down to our cap: both RFC 2348 and 7440 let a server answer with less. */
function clampOption(value: string | undefined, min: number, max: number, cap: number): number | undefined {
  const number = decimal(value);
  if (number === undefined || number < min || number > max) return undefined;
  return Math.min(number, Math.max(cap, min));
}

/** Options are decimal numbers in ASCII. */
function decimal(value: string | undefined): number | undefined {
  return value !== undefined && /^[0-9]{1,15}$/.test(value) ? Number(value) : undefined;
}
