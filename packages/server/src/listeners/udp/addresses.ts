/** What has to be opened and closed so that exactly the wanted addresses are served. */
export interface AddressChanges {
  readonly open: readonly string[];
  readonly close: readonly string[];
}

/** Addresses that stay are in neither list: whatever happens elsewhere, they are not touched. */
export function addressChanges(served: Iterable<string>, wanted: readonly string[]): AddressChanges {
  const [now, then] = [new Set(served), new Set(wanted)];
  return {
    open: [...then].filter((address) => !now.has(address)),
    close: [...now].filter((address) => !then.has(address)),
  };
}

/** An address that could not be opened, and why; a `ListenError` names the remedy. */
export interface RefusedAddress {
  readonly address: string;
  readonly error: Error;
}

/** Opens one after the other; one that is refused does not keep the others from being opened. */
export async function openEach(
  addresses: readonly string[],
  open: (address: string) => Promise<void>,
): Promise<readonly RefusedAddress[]> {
  const refused: RefusedAddress[] = [];
  for (const address of addresses) {
    try {
      await open(address);
    } catch (cause) {
      refused.push({ address, error: cause instanceof Error ? cause : new Error(String(cause)) });
    }
  }
  return refused;
}
