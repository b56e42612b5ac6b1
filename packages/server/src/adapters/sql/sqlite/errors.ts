/** Primary result codes of SQLite (https://sqlite.org/rescode.html): the low byte of the extended code. */
export const resultCode = { busy: 5, locked: 6, full: 13, constraint: 19, notADatabase: 26 } as const;

/** The primary result code of an error of the SQLite library, undefined for any other error. */
export const resultCodeOf = (error: unknown): number | undefined => {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
};

export const isBusy = (error: unknown): boolean => resultCodeOf(error) === resultCode.busy;
