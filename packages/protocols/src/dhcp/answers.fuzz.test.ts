import { describe, expect, it } from 'vitest';
import { dhcpCorpus } from '../../test/support/corpus.js';
import { cases, randomFrom, seed, soak } from '../../test/support/fuzz.js';
import { mutateDhcp } from '../../test/support/mutate.js';
import { decodeDhcp, encodeDhcp, type DhcpMessage } from './codec.js';
import { answerLease } from './full.js';
import type { LeaseSettings, LeaseTable } from './lease-table.js';
import { proxyOffer } from './proxy.js';
import { recognise } from './recognise.js';
import { replyRoute } from './reply.js';

const settings: LeaseSettings = {
  server: '10.0.0.1',
  subnetMask: '255.255.255.0',
  poolFirst: '10.0.0.10',
  poolLast: '10.0.0.250',
  dns: ['10.0.0.1'],
  leaseSeconds: 600,
  offerSeconds: 60,
  declineSeconds: 60,
  fixed: new Map(),
  authoritative: true,
};

/** A reply goes to who asked, says who we are, and can be sent. */
function check(request: DhcpMessage, reply: DhcpMessage | undefined): void {
  if (!reply) return;
  const decoded = decodeDhcp(encodeDhcp(reply));
  if (!decoded.ok) throw new Error(decoded.error.message);
  const { op, xid, giaddr, chaddr, options } = decoded.message;
  expect([op, xid, giaddr]).toEqual(['reply', request.xid, request.giaddr]);
  expect(Buffer.compare(chaddr, request.chaddr)).toBe(0);
  expect(Array.from(options.get(54)!)).toEqual([10, 0, 0, 1]);
  expect(['relay', 'unicast', 'broadcast']).toContain(replyRoute(reply).by);
}

describe('answers to messages gone wrong', () => {
  it('are well formed, from the proxy and from the full server', soak, () => {
    const random = randomFrom(seed);
    const originals = [...dhcpCorpus.values()];
    const boot = { bootFile: 'boot.efi' };
    let table: LeaseTable = new Map();
    for (let left = cases('protocols/dhcp answers', 3000); left > 0; left -= 1) {
      const decoded = decodeDhcp(mutateDhcp(originals[random(originals.length)]!, random));
      if (!decoded.ok || decoded.message.op !== 'request') continue;
      const { message } = decoded;
      const client = recognise(message);
      for (const door of ['dhcp', 'pxe'] as const) {
        const answer = proxyOffer(message, client, { server: settings.server, door, boot });
        check(message, answer.ok ? answer.reply : undefined);
        if (answer.ok) expect(answer.reply.yiaddr).toBe('0.0.0.0');
      }
      const leased = answerLease({ message, client, settings, table, now: 1000 + left, boot });
      table = leased.table;
      check(message, leased.reply);
    }
    expect(table.size).toBeLessThanOrEqual(241);
  });
});
