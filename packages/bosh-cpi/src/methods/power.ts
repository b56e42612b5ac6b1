import type { Device, DomainEvent, Job } from '@drover/contract';
import { resultOf } from '@drover/sdk';
import { CpiFailure } from '../failure.js';
import { inTurn } from '../jobs.js';
import { waitFor, type Session } from '../session.js';

/** Nothing would ever show that a board is off, so that it never could be deleted. */
export const requireSupply = ({ name, power }: Device): NonNullable<Device['power']> => {
  if (power !== null) return power;
  throw new CpiFailure(
    'CloudError',
    `Nothing is known that could switch ${name}. An admin says what does: drover power set ${name} --driver NAME.`,
  );
};

const newestJob = async ({ client }: Session, device: string, since: string): Promise<Job | undefined> => {
  const { items } = await client.jobs.list({ query: { kind: 'device.power', subject: device, limit: 5 } });
  return items.find(({ createdAt }) => createdAt >= since);
};

/** Off and on again. */
export const restart = async (session: Session, device: string): Promise<void> => {
  const { client } = session;
  const job = await inTurn(session, () => client.devices.power({ params: { ref: device }, body: { action: 'cycle' } }));
  resultOf(await client.waitForJob(job.id));
};

/** The server has a board switched on when everything that it boots is there: until that is done. */
export const poweredOn = async (session: Session, { id, assignment }: Device): Promise<void> => {
  const job = await newestJob(session, id, assignment?.assignedAt ?? '');
  if (job !== undefined) return void resultOf(await session.client.waitForJob(job.id));
  // It was being switched for somebody else just then.
  await restart(session, id);
};

/** What was proved so long ago may not be in the log of events any more. */
const longAgoMs = 3_600_000;
const mostProofMs = 1_800_000;

/** Follows what is said of whether the board is off: the last word since it was switched off, looked up anew with each call. */
const followProof = ({ client }: Session, subject: string): ((since: string) => Promise<DomainEvent | undefined>) => {
  const last = new Map<DomainEvent['type'], DomainEvent>();
  const idOf = (event: DomainEvent | undefined): number => event?.id ?? 0;
  return async (since) => {
    for (const type of ['power.proved', 'power.failed'] as const) {
      const query = { subject, type, after: idOf(last.get(type)) };
      for await (const event of client.each('listEvents', { query })) last.set(type, event);
    }
    const [newest] = [...last.values()].sort((a, b) => idOf(b) - idOf(a));
    return newest !== undefined && newest.at >= since ? newest : undefined;
  };
};

/**
 * Waits until it is proved that a board is off (docs/how-to/power.md): the driver says so where it can tell, else the board is silent. Refuses where the board is still heard.
 */
export const surelyOff = async (session: Session, device: string): Promise<void> => {
  const { client, clock } = session;
  const proof = followProof(session, device);
  await waitFor(session, 'the proof that the board is off', clock.now() + mostProofMs, async () => {
    const { name, power, assignment } = await client.devices.get({ params: { ref: device } });
    // Somebody else has it, whom the server gave it when it was off.
    if (power === null || assignment !== null) return true;
    const since = power.stateSince ?? '';
    if (power.state === 'off' && clock.now() - Date.parse(since) > longAgoMs) return true;
    if (power.state === 'off') return (await proof(since))?.type === 'power.proved' ? true : undefined;
    const reason = power.failure ?? `its power is ${power.state}`;
    throw new CpiFailure('CloudError', `It is not certain that ${name} is off: ${reason}.`);
  });
};
