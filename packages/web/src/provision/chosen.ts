/** Boards that were selected in the fleet and are to be provisioned: too many for an address. */
let ids: readonly string[] = [];

export const chosen = {
  get: (): readonly string[] => ids,
  set: (next: readonly string[]): void => {
    ids = next;
  },
};
