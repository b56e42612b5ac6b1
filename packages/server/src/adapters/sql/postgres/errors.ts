/** SQLSTATE (PostgreSQL manual, appendix A) or the system's code of an error of the connection. */
const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

const meanings = {
  // serialization_failure, deadlock_detected
  conflict: ['40001', '40P01'],
  // unique_violation: under SERIALIZABLE it may come before the conflict that explains it
  race: ['23505'],
  // disk_full
  full: ['53100'],
  // too_many_connections, cannot_connect_now, lock_not_available; nobody listens at its address
  busy: ['53300', '57P03', '55P03', 'ECONNREFUSED', 'ENOENT'],
} as const;

type Meaning = keyof typeof meanings;

/** See Traits.classify. */
export const classify = (error: unknown): Meaning | undefined => {
  const code = codeOf(error);
  if (code === undefined) return isPoolTimeout(error) ? 'busy' : undefined;
  return (Object.keys(meanings) as Meaning[]).find((meaning) =>
    (meanings[meaning] as readonly string[]).includes(code),
  );
};

/** The pool has no code for it. */
const isPoolTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('timeout exceeded when trying to connect');
