import type { Device, DomainEvent, Image } from '@drover/contract';
import { createDeviceBook } from './device-book.js';
import type { House } from './house.js';

/** What a device was told to do. */
export type DeviceOperation = 'provision' | 'reimage' | 'release';

/** Keeps what was acknowledged and holds the server to it. It knows nothing of how the server stores anything. */
export interface Ledger {
  deviceAcknowledged(device: Device): void;
  acknowledge(operation: DeviceOperation, answer: Device): void;
  imageAcknowledged(id: string, ref: string): void;
  /** How an import must have ended. */
  imageReady(id: string, digest: string): void;
  imageGone(id: string): void;
  imageDeleted(id: string): void;
  /** Compares everything with the server, whose jobs must have ended; throws what is wrong. */
  settle(): Promise<void>;
}

interface ImageEntry {
  readonly ref: string;
  end: 'unknown' | 'ready' | 'gone' | 'deleted';
  digest: string | undefined;
}

const pageSize = 200;

/** The events after `last`, whose ids must grow. */
const eventsAfter = async (house: House, last: number): Promise<DomainEvent[]> => {
  const events: DomainEvent[] = [];
  let after = last;
  for (;;) {
    const { items } = await house.client.events.list({ query: { after, limit: pageSize } });
    for (const event of items) {
      if (event.id === null || event.id <= after) throw new Error(`event ${event.id} came after event ${after}`);
      after = event.id;
    }
    events.push(...items);
    if (items.length === 0) return events;
  }
};

const counted = (events: readonly DomainEvent[], type: DomainEvent['type'], subject: string): number =>
  events.filter((event) => event.type === type && event.subject === subject).length;

export const createLedger = (house: House): Ledger => {
  const images = new Map<string, ImageEntry>();
  const devices = createDeviceBook();
  const log: DomainEvent[] = [];
  const wrong: string[] = [];

  const entry = (id: string): ImageEntry => {
    const known = images.get(id);
    if (known === undefined) throw new Error(`the test forgot to note the image ${id}`);
    return known;
  };

  const expectCount = (type: DomainEvent['type'], subject: string, wanted: number): void => {
    const found = counted(log, type, subject);
    if (found !== wanted) wrong.push(`${found} events ${type} of ${subject}, not ${wanted}`);
  };

  const judgeImages = async (): Promise<void> => {
    const shown = new Map<string, Image>();
    for await (const image of house.client.each('listImages', { query: { limit: pageSize } })) {
      shown.set(image.id, image);
      if (!images.has(image.id)) wrong.push(`there is an image ${image.ref} nobody was told of`);
    }
    for (const [id, { ref, end, digest }] of images) {
      const image = shown.get(id);
      if (end === 'unknown') throw new Error(`the test forgot to note how ${ref} ended`);
      expectCount('image.import-started', id, 1);
      expectCount('image.ready', id, end === 'gone' ? 0 : 1);
      expectCount('image.failed', id, end === 'gone' ? 1 : 0);
      expectCount('image.deleted', id, end === 'deleted' ? 1 : 0);
      if (end !== 'ready' && image !== undefined) wrong.push(`${ref} is there, ${image.state}, and must be gone`);
      if (end === 'ready' && (image?.state !== 'ready' || image.digest !== digest))
        wrong.push(`${ref} is ${image?.state ?? 'gone'} with ${image?.digest ?? 'nothing'}, not ready with ${digest}`);
    }
  };

  const judgeJobs = async (): Promise<void> => {
    const told = new Set(log.filter((event) => event.type === 'job.created').map((event) => event.subject));
    for await (const job of house.client.each('listJobs', { query: { limit: pageSize } })) {
      if (!told.delete(job.id)) wrong.push(`no event tells of the job ${job.id}`);
      if (job.endedAt === null) wrong.push(`${job.kind} ${job.id} is ${job.state} when all jobs must have ended`);
      expectCount('job.created', job.id, 1);
      expectCount('job.ended', job.id, 1);
      const end = log.find((event) => event.type === 'job.ended' && event.subject === job.id);
      if (end?.data['state'] !== job.state) wrong.push(`${job.id} ${job.state}, its event says otherwise`);
    }
    for (const id of told) wrong.push(`the job ${id} is gone`);
  };

  return {
    deviceAcknowledged: devices.registered,
    acknowledge: devices.acknowledge,
    imageAcknowledged: (id, ref) => images.set(id, { ref, end: 'unknown', digest: undefined }),
    imageReady: (id, digest) => Object.assign(entry(id), { end: 'ready', digest }),
    imageGone: (id) => Object.assign(entry(id), { end: 'gone' }),
    imageDeleted: (id) => Object.assign(entry(id), { end: 'deleted' }),
    settle: async () => {
      const fresh = await eventsAfter(house, log.at(-1)?.id ?? 0);
      log.push(...fresh);
      wrong.push(...devices.replay(fresh));
      const shown: Device[] = [];
      for await (const device of house.client.each('listDevices', { query: { limit: pageSize } })) shown.push(device);
      wrong.push(...devices.compare(shown));
      await judgeJobs();
      await judgeImages();
      const found = wrong.splice(0);
      if (found.length > 0) throw new Error(found.join('\n'));
    },
  };
};
