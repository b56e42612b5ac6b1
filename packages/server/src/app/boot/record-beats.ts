import { openedAtOf } from '../../domain/boot-credential.js';
import { dueAfter, fellBack, healthStatus, type HeardBeat } from '../../domain/device-health.js';
import { announce } from '../devices/change.js';
import { heardAt } from '../../domain/sign-of-life.js';
import type { Clock } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import type { Telemetry } from './ports.js';

type SentBeat = Extract<Telemetry, { kind: 'beat' }>;

/** Keeps the last heartbeat of each device, in a transaction of the caller's. */
export interface RecordBeats {
  /** Returns the sessions that were not as they were before, to be looked at. */
  (tx: Transaction, sent: Iterable<SentBeat>): Promise<string[]>;
}

export const createRecordBeats =
  ({ clock, everySeconds }: { readonly clock: Clock; readonly everySeconds: number }): RecordBeats =>
  async (tx, sent) => {
    const odd: string[] = [];
    for (const { session, at, beat } of sent) {
      const beatAt = heardAt(at, clock.now());
      const heard = {
        ...beat,
        session,
        at: beatAt,
        dueAt: dueAfter(Date.parse(beatAt), everySeconds),
        silentAt: null,
      };
      // Nearly all of them bring no news, and cost this and nothing else.
      if (await tx.devices.renewBeat(heard)) continue;
      odd.push(session);
      await take(tx, heard);
    }
    return odd;
  };

/** The first of a boot, another health, or a board that was silent. */
async function take(tx: Transaction, beat: HeardBeat): Promise<void> {
  const session = await tx.sessions.get(beat.session);
  if (session === undefined || session.outcome === 'revoked' || session.nonceHash === null) return;
  const device = await tx.devices.get(session.device);
  if (device === undefined || isOlder(beat.session, device.beat?.session)) return;
  await tx.devices.saveBeat(device.id, beat);
  const now = { ...device, beat };
  const [was, is] = [healthStatus(device, beat.at), healthStatus(now, beat.at)];
  const back = fellBack(now);
  // Of each boot that did so: what an earlier one said was of an earlier assignment.
  const backIsNews = back && beat.session !== device.beat?.session;
  if ((was === is || (was === 'unknown' && is === 'healthy')) && !backIsNews) return;
  const data = { health: is, was, checks: beat.checks, session: beat.session, image: beat.image, fellBack: back };
  await announce(tx, device, { type: 'device.health', at: beat.at, data });
}

/** What a board said in an earlier boot of its own says nothing of this one, and its credential may be in other hands. */
const isOlder = (session: string, known: string | undefined): boolean =>
  known !== undefined && (openedAtOf(session) ?? 0) < (openedAtOf(known) ?? 0);
