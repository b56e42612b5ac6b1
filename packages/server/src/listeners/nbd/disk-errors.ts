import type { NbdErrorName } from '@drover/protocols/nbd';

/** What a client is told of an operation that failed. */
export interface DiskFailure {
  readonly error: NbdErrorName;
  /** Something is wrong here; otherwise the client got an answer that was to be expected. */
  readonly fault: boolean;
}

/** proto.md, "Error values": "SHOULD map the EDQUOT and EFBIG errors to ENOSPC". */
const known: ReadonlyMap<string, NbdErrorName> = new Map([
  ['ENOSPC', 'ENOSPC'],
  ['EDQUOT', 'ENOSPC'],
  ['EFBIG', 'ENOSPC'],
  ['EPERM', 'EPERM'],
  ['EACCES', 'EPERM'],
  ['EROFS', 'EPERM'],
  ['EINVAL', 'EINVAL'],
  ['ENOMEM', 'ENOMEM'],
  ['ENOTSUP', 'ENOTSUP'],
  ['ESHUTDOWN', 'ESHUTDOWN'],
]);

export function diskFailure(cause: unknown): DiskFailure {
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const error = known.get(code);
  return error === undefined ? { error: 'EIO', fault: true } : { error, fault: false };
}
