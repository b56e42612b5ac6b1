export interface AuditSearch {
  /** Part of a key's name, an operation, an id, an outcome or an address. */
  readonly q?: string;
  /** Only what was refused or failed. */
  readonly refused?: true;
}

/** What the address says of the filter; what makes no sense is left out. */
export const readAuditSearch = (search: Record<string, unknown>): AuditSearch => {
  const text = search['q'];
  return {
    ...(typeof text === 'string' && text !== '' ? { q: text.slice(0, 100) } : {}),
    ...(search['refused'] === true ? { refused: true } : {}),
  };
};
