import type { Service } from '../app/ports.js';
import type { DhcpListener } from '../listeners/dhcp/index.js';
import type { AddressListener } from './follow-interfaces.js';
import type { ServedAddress } from './settings.js';

export interface DhcpServiceDeps {
  readonly mode: 'proxy' | 'full' | 'off';
  readonly first: readonly ServedAddress[];
  readonly create: (served: readonly ServedAddress[]) => DhcpListener;
}

/**
 * The DHCP listener over its interfaces' coming and going. In mode `full` the interface is part of its settings (its address, the pool's netmask): it
 * begins with the first that is there, later than the server where need be, and stays with it.
 */
export function createDhcpService({ mode, first, create }: DhcpServiceDeps): Service & AddressListener {
  let listener: DhcpListener | undefined;
  let until: AbortSignal | undefined;

  const begin = async (served: readonly ServedAddress[], signal: AbortSignal): Promise<void> => {
    const made = create(served);
    await made.start(signal);
    listener = made;
  };

  return {
    start: async (signal) => {
      until = signal;
      if (mode !== 'full' || first.length > 0) await begin(first, signal);
    },
    serve: async (served) => {
      if (listener !== undefined) return listener.serve(served);
      if (until !== undefined && served.length > 0) await begin(served, until);
      return [];
    },
    stop: async () => listener?.stop(),
  };
}
