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
  // too_many_connections, lock_not_available
  busy: ['53300', '55P03'],
  // cannot_connect_now; nobody listens at its address, or there is none
  away: ['57P03', 'ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
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

/** What to do about a database that could not be opened; undefined for a fault. Classes 28 and 3D: it does not let this role in, or is not there. */
export const whyUnusable = (error: unknown): string | undefined => {
  const code = codeOf(error) ?? '';
  if (code.startsWith('28')) return 'Mend user and password in its URL, or let this role in (pg_hba.conf).';
  if (code.startsWith('3D')) return 'Make that database, or mend its name in the URL.';
  const isThere = classify(error) !== 'away' && !isPoolTimeout(error);
  return isThere ? undefined : 'Start it, or mend its address in the URL.';
};
