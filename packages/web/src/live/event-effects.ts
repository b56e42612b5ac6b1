import type { DomainEvent } from '@drover/contract';

/** What an event of the log makes out of date. */
export interface EventEffects {
  /** Boards to read anew. */
  readonly devices: readonly string[];
  /** First words of the query keys to ask for anew. */
  readonly queries: readonly string[];
}

const isDevice = (id: unknown): id is string => typeof id === 'string' && id.startsWith('dev_');

/** Query keys by the subject of an event: what comes before the dot. */
const queriesOf: Readonly<Record<string, readonly string[]>> = {
  device: ['devices'],
  power: ['devices', 'jobs'],
  session: ['sessions'],
  image: ['images', 'jobs'],
  disk: ['disks'],
  build: ['builds'],
  job: ['jobs'],
  tenant: ['tenants'],
  key: ['keys'],
  request: ['requests'],
  'boot-config': ['boot-configs'],
};

export const effectsOf = ({ type, subject, data }: DomainEvent): EventEffects => {
  // Live progress of a job is kept as it comes; nothing is asked for because of it.
  if (type === 'job.progress') return { devices: [], queries: [] };
  const kind = type.slice(0, type.indexOf('.'));
  const devices = [subject, data['device'], data['subject']].filter(isDevice);
  // A disk says by its job that something could not be done to it.
  const isOfDisk = kind === 'job' && String(data['kind']).startsWith('disk.');
  const more = isOfDisk ? ['disks'] : type === 'device.conflict' ? ['doctor'] : [];
  return { devices: [...new Set(devices)], queries: [...(queriesOf[kind] ?? []), ...more] };
};
