import fc from 'fast-check';
import { describe, it } from 'vitest';
import { clientMessage } from '../../test/support/dhcp-client.js';
import { holds, soak } from '../../test/support/fuzz.js';
import { answerLease } from './full.js';
import type { LeaseSettings, LeaseTable } from './lease-table.js';
import { readMessageType, type MessageTypeName } from './options.js';
import { recognise } from './recognise.js';

const settings: LeaseSettings = {
  server: '10.0.0.1',
  subnetMask: '255.255.255.248',
  poolFirst: '10.0.0.0',
  poolLast: '10.0.0.7',
  router: '10.0.0.6',
  dns: [],
  leaseSeconds: 100,
  offerSeconds: 10,
  declineSeconds: 50,
  fixed: new Map([['02:00:00:00:00:01', '10.0.0.2']]),
  authoritative: false,
};
/** The network's own two, the server, the router. */
const nobodys = ['10.0.0.0', '10.0.0.7', '10.0.0.1', '10.0.0.6'];

const address = fc.integer({ min: 0, max: 9 }).map((last) => `10.0.0.${last}`);
const step = fc.record(
  {
    type: fc.constantFrom<MessageTypeName>('discover', 'request', 'request', 'release', 'decline', 'inform'),
    mac: fc.integer({ min: 1, max: 6 }).map((last) => `02:00:00:00:00:0${last}`),
    requested: address,
    ciaddr: address,
    server: fc.constantFrom('10.0.0.1', '10.0.0.9'),
    seconds: fc.constantFrom(0, 1, 20, 60, 101),
    authoritative: fc.boolean(),
  },
  { requiredKeys: ['type', 'mac'] },
);

describe('a full DHCP server, whatever clients say', () => {
  it('never gives one address to two clients, nor an address that is nobody’s', soak, () => {
    holds('protocols/dhcp leases', 400, fc.array(step, { maxLength: 60 }), (steps) => {
      let table: LeaseTable = new Map();
      let now = 1000;
      /** Who was acknowledged what, until when. */
      const given = new Map<string, { mac: string; until: number }>();
      for (const { seconds = 0, authoritative = false, ...said } of steps) {
        now += seconds;
        const message = clientMessage(said);
        const answer = answerLease({
          message,
          client: recognise(message),
          settings: { ...settings, authoritative },
          table,
          now,
        });
        table = answer.table;
        const type = answer.reply && readMessageType(answer.reply.options);
        const at = answer.reply?.yiaddr ?? '0.0.0.0';
        if (type === 'ack' && at !== '0.0.0.0') {
          const owner = given.get(at);
          if (owner && owner.mac !== said.mac && owner.until > now) throw new Error(`${at} given twice`);
          if (table.get(at)?.mac !== said.mac) throw new Error(`${at} acknowledged and not noted`);
          for (const [other, lease] of given) if (lease.mac === said.mac) given.delete(other);
          given.set(at, { mac: said.mac, until: now + settings.leaseSeconds });
        }
        if (nobodys.includes(at)) throw new Error(`${at} is not to be given`);
        if (at === '10.0.0.2' && said.mac !== '02:00:00:00:00:01') throw new Error('a fixed address went astray');
        if (said.type === 'release' && given.get(said.ciaddr ?? '')?.mac === said.mac) given.delete(said.ciaddr ?? '');
        if (said.type === 'decline' && given.get(said.requested ?? '')?.mac === said.mac)
          given.delete(said.requested ?? '');
      }
    });
  });
});
