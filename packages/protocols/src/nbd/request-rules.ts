import { command, commandFlag, transmissionFlag, type NbdErrorName } from './constants.js';
import type { NbdSession } from './handshake-types.js';
import type { NbdRequestParser } from './request-parser.js';

/** Why a request is not carried out. */
export interface NbdRefusal {
  readonly error: NbdErrorName;
  /** For a person; sent along where the reply has room for it. */
  readonly message: string;
}

type Request = Pick<NbdRequestParser, 'type' | 'flags' | 'offset' | 'offsetLow' | 'length'>;

/** What the rules need of a session, worked out once. */
export interface NbdRules {
  readonly size: number;
  readonly maximum: number;
  /** Bits that must be zero in offset and length. */
  readonly unaligned: number;
  /** Request type -> command flags it may have; undefined when the command was not offered. */
  readonly allowed: readonly (number | undefined)[];
  /** Request type -> whether it writes, on an export that must not be written to. */
  readonly forbidden: readonly boolean[];
}

const refusal = (error: NbdErrorName, message: string): NbdRefusal => ({ error, message });

const refusals = {
  unknownCommand: refusal('EINVAL', 'the command is unknown or was not offered'),
  unknownFlag: refusal('EINVAL', 'the command does not have this flag'),
  readOnly: refusal('EPERM', 'the export is read-only'),
  tooLong: refusal('EINVAL', 'the length exceeds the maximum block size'),
  unaligned: refusal('EINVAL', 'offset and length are no multiples of the minimum block size'),
  noSpace: refusal('ENOSPC', 'the range goes beyond the end of the export'),
  outOfBounds: refusal('EINVAL', 'the range goes beyond the end of the export'),
  notZero: refusal('EINVAL', 'offset and length of a flush are zero'),
  emptyStatus: refusal('EINVAL', 'the status of nothing was asked for'),
} as const;

/** The rules of a session: proto.md, "Command flags", "Transmission flags", "Block size constraints". */
export function rulesOf({ info, flags, structuredReplies, allocationContext }: NbdSession): NbdRules {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  // "valid for all commands, provided NBD_FLAG_SEND_FUA has been negotiated"
  const fua = has(transmissionFlag.sendFua) ? commandFlag.fua : 0;
  const fast = has(transmissionFlag.sendFastZero) ? commandFlag.fastZero : 0;
  const allowed: (number | undefined)[] = [];
  const offer = (type: number, offered: boolean, own = 0): void => {
    allowed[type] = offered ? fua | own : undefined;
  };
  // On a read-only export a command that writes is known and forbidden, whatever was offered.
  const { readOnly } = info;
  offer(command.read, true, structuredReplies ? commandFlag.df : 0);
  offer(command.write, true);
  offer(command.disc, true);
  offer(command.flush, has(transmissionFlag.sendFlush));
  offer(command.trim, readOnly || has(transmissionFlag.sendTrim));
  offer(command.cache, has(transmissionFlag.sendCache));
  offer(command.writeZeroes, readOnly || has(transmissionFlag.sendWriteZeroes), commandFlag.noHole | fast);
  offer(command.blockStatus, allocationContext !== undefined, commandFlag.reqOne);
  const forbidden = allowed.map((_, type) => readOnly && writes.has(type));
  const { minimum, maximum } = info.blockSize;
  return { size: info.size, maximum, unaligned: minimum - 1, allowed, forbidden };
}

const writes = new Set<number>([command.write, command.trim, command.writeZeroes]);

/** Why a request must not be carried out (proto.md, "Request types" and "Error values"), or undefined. */
export function refuseRequest(request: Request, rules: NbdRules): NbdRefusal | undefined {
  const { type, flags, length } = request;
  const allowed = rules.allowed[type];
  if (allowed === undefined) return refusals.unknownCommand;
  // "SHOULD return NBD_EPERM if it receives a write or trim request on a read-only export"
  if (rules.forbidden[type]) return refusals.readOnly;
  if ((flags & ~allowed) !== 0) return refusals.unknownFlag;
  if (type === command.flush) return request.offset === 0 && length === 0 ? undefined : refusals.notZero;
  // Commands without payload may be as long as the export.
  if (length > rules.maximum && type <= command.write) return refusals.tooLong;
  if (((request.offsetLow | length) & rules.unaligned) !== 0) return refusals.unaligned;
  if (request.offset > rules.size - length) {
    return type === command.write || type === command.writeZeroes ? refusals.noSpace : refusals.outOfBounds;
  }
  // A reply has at least one extent, and no extent is empty.
  return type === command.blockStatus && length === 0 ? refusals.emptyStatus : undefined;
}
