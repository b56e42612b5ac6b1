/** The database cannot be opened for a reason that lies outside of Drover. The message names the setting and what to do. */
export class UnusableDatabaseError extends Error {
  constructor(what: string, cause: unknown, remedy: string) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${what} cannot be used: ${reason}. ${remedy}`, { cause });
    this.name = 'UnusableDatabaseError';
  }
}
