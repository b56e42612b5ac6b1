const remedies: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'the file system is full: free space there, delete snapshots or trim disks'],
  ['EDQUOT', 'the quota of this user is used up: raise it, delete snapshots or trim disks'],
  ['EFBIG', 'the file system or a limit of this process (ulimit -f) allows no larger file'],
  ['EROFS', 'the file system is read-only: look for errors of the drive in the log of the kernel'],
]);

/** The system's error, with what it means and how to get out of it where a person can do something. Its `code` stays. */
export function fileError(cause: unknown, path: string): Error {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = codeOf(error);
  const remedy = remedies.get(code);
  return remedy === undefined ? error : Object.assign(new Error(`${path}: ${remedy}`, { cause: error }), { code });
}

export const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

export const isAbsent = (error: unknown): boolean => codeOf(error) === 'ENOENT';

/** For `catch`: what is not there need not be removed. */
export function unlessAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error;
}
