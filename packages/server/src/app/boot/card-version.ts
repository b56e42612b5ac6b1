import { createHash } from 'node:crypto';
import type { CardAnswer } from '@drover/contract';
import type { Transaction } from '../store/ports.js';

/** What the version of an answer stands for: all but itself, what each question has of its own, and how to get there with fewer bytes. */
export type VersionedAnswer = Omit<
  CardAnswer,
  'card' | 'device' | 'version' | 'nonce' | 'time' | 'deltaFrom' | 'deltaSha256' | 'deltaSize'
>;

const digestOf = (said: VersionedAnswer): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(said).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex');

/**
 * The version of what a device is told: another one, and a larger one, when and only when it is told something else than last time. It is at least the time in
 * seconds at which that was, so that it also grows when the device was forgotten meanwhile, or the database is an older copy.
 */
export async function versionFor(tx: Transaction, device: string, said: VersionedAnswer, now: number): Promise<number> {
  const digest = digestOf(said);
  const known = await tx.cardVersions.get(device);
  if (known?.digest === digest) return known.version;
  const version = Math.max((known?.version ?? 0) + 1, Math.floor(now / 1000));
  await tx.cardVersions.put(device, { version, digest }, new Date(now).toISOString());
  return version;
}
