import {
  answerLease,
  checkLeaseSettings,
  type BootAnswer,
  type DhcpMessage,
  type LeaseAnswer,
  type LeaseTable,
  type Recognised,
} from '@drover/protocols/dhcp';
import type { ServedInterface } from './interfaces.js';
import type { DhcpListenerDeps } from './types.js';

/** The lease table of full mode, and its keeper on disk. */
export interface LeaseServer {
  /** Answers a client; what changed is persisted before this resolves. Rejects when it cannot be. */
  answer(message: DhcpMessage, client: Recognised, boot: BootAnswer | undefined): Promise<LeaseAnswer>;
}

/**
 * Loads the leases.
 * @throws Error that names the settings at fault, before any socket is opened.
 */
export async function createLeaseServer(
  deps: Pick<DhcpListenerDeps, 'settings' | 'leases' | 'epochSeconds'>,
  interfaces: readonly ServedInterface[],
): Promise<LeaseServer> {
  const { pool } = deps.settings;
  const store = deps.leases;
  if (!pool || !store) throw new Error('dhcp mode full needs a pool of addresses (dhcp.pool) and a place for leases');
  const [only, another] = interfaces;
  if (!only || another) {
    // A broadcast does not say which interface it came in by, so two segments could not be told apart.
    throw new Error('dhcp mode full serves exactly one interface: name it in dhcp.interfaces, or use mode proxy');
  }
  const settings = { ...pool, server: only.address };
  const problems = checkLeaseSettings(settings);
  if (problems.length > 0) throw new Error(`dhcp.pool cannot work on ${only.name}: ${problems.join('; ')}`);

  let table: LeaseTable = new Map((await store.load()).map((lease) => [lease.address, lease]));
  return {
    async answer(message, client, boot) {
      const now = Math.floor(deps.epochSeconds());
      const answer = answerLease({ message, client, settings, table, now, ...(boot ? { boot } : {}) });
      // Taken before it is stored: a second client's request may come meanwhile and must not get the same address.
      table = answer.table;
      for (const lease of answer.changed) await store.save(lease);
      return answer;
    },
  };
}
