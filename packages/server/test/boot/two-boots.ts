import type { TimelineEntry } from '@drover/contract';
import type { Telemetry } from '../../src/app/boot/ports.js';
import { createBoardBook, type BoardBook } from '../../src/app/boot/plane/board-book.js';
import { createBoardExchange } from '../../src/app/boot/plane/board-exchange.js';
import { createBoots } from '../../src/app/boot/plane/boots.js';
import { createDeviceApi } from '../../src/app/boot/plane/device-api.js';
import { createSigns } from '../../src/app/boot/plane/signs.js';
import { createLiveness } from '../../src/app/boot/plane/liveness.js';
import { createExports } from '../../src/app/disks/plane/exports.js';
import type { DiskExport } from '../../src/app/disks/ports.js';
import { credentialOf, secretOf } from '../../src/domain/boot-credential.js';
import { exportName } from '../../src/domain/disk-export.js';
import { deviceOf, planOf } from './fixtures.js';
import { silentLog } from './log.js';

/** One board, and whoever else acts in its name, against a boot plane that may start anew, over a control plane that grants what it should. */

const key = 'ab'.repeat(32);
const beat = { health: 'ok', checks: [], uptime: 1, image: 'x:1', root: '', offline: 'no' } as never;
const nothing = { known: '', has: [], busy: [] };
export const disk = 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const device = deviceOf();
const answer = { kind: 'boot', device, plan: planOf({ rootMode: 'nbd', disks: [disk] }), session: null } as const;
const wire = { site: 'default', mac: 'dc:a6:32:01:02:03', firmware: 'ee', isPi: true } as const;

export interface TwoBoots {
  wait(ms: number): void;
  setRoot(how: 'ready' | 'in the making'): void;
  /** What was put on the timeline of a session. */
  entries(session: string): TimelineEntry[];
  /** Somebody's DISCOVER; the session it belongs to. */
  discover(): string;
  /** By whoever chose this nonce; what the answer is, or the reason of a refusal. */
  exchange(session: string, nonce?: string, address?: string): Promise<string>;
  /** The board at that boot asks for its disks, again and again, until it is switched off. */
  live(session: string): void;
  die(session: string): Promise<void>;
  /** Whether a request with the credential of that session is taken. */
  isValid(session: string): boolean;
  /** Opens the disk by its name for that session. */
  attach(session: string): Promise<boolean>;
  /** Sessions that can write now. */
  writers(): string[];
  /** The boot plane ends and comes back with what it wrote down. */
  restart(): void;
}

const nonceOf = (session: string): string => Buffer.from(session.slice(-16)).toString('hex').padStart(32, '0');

/** What the control plane does with an exchange: the first nonce owns the session. */
function control() {
  const nonces = new Map<string, string>();
  const opened: string[] = [];
  const state = { isRootReady: true };
  return {
    ...{ opened, state },
    exchange: async (request: { session: string; nonce: string; opened?: unknown }) => {
      await new Promise(setImmediate);
      const { session, nonce } = request;
      if (request.opened === undefined && opened.at(-1) !== session)
        return { kind: 'refused', reason: 'over' } as const;
      if ((nonces.get(session) ?? nonce) !== nonce) return { kind: 'refused', reason: 'used-twice' } as const;
      nonces.set(session, nonce);
      if (!state.isRootReady) return { kind: 'not-ready', retryAfter: 5, reason: 'the root is being made' } as const;
      return {
        ...({ kind: 'granted', hostname: 'pi', identityTar: '', overlaySize: '50%' } as const),
        credential: credentialOf(key, session, nonce),
        root: { mode: 'nbd', what: disk, partition: 2, fileSystem: 'ext4' } as const,
      };
    },
  };
}

interface World {
  now: number;
  readonly ids: () => string;
  readonly push: (item: Telemetry) => void;
}

/** A boot plane, in the parts that decide whose a board's disk is. */
function planeOf(world: World, backend: ReturnType<typeof control>, answerMs: number) {
  const book: BoardBook = createBoardBook((session) => exports.endSession(session, 'over'));
  const clock = { now: () => world.now };
  const bootKey = () => key;
  const liveness = createLiveness({ clock, limits: { answerMs, silentMs: 60_000 } });
  const boots = createBoots({
    ...{ book, clock, log: silentLog, push: world.push, changed: () => undefined, opened: () => undefined },
    ids: { next: world.ids, randomHex: () => '' },
    sessionTtlSeconds: 600,
  });
  const exchanges = createBoardExchange({
    ...{ backend, book, boots, liveness, bootKey, log: silentLog },
    directories: () => undefined,
    revoked: (session) => exports.endSession(session, 'revoked'),
  });
  const api = createDeviceApi({
    ...{ book, boots, liveness, exchanges, bootKey, clock, sessionTtlSeconds: 600 },
    backend: { files: () => Promise.resolve(null) },
    signs: createSigns({ clock, push: world.push }),
    pushEntry: () => undefined,
    boardDisks: {
      follow: async (_session, _says, signal) => {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return { version: '1', files: undefined, disks: [] };
      },
    },
    cardContent: {} as never,
    beats: { take: () => ({ kind: 'granted', value: { every: 1 } }) },
  });
  const exports = createExports({
    ...{ book, bootKey },
    openDisk: async () => {
      await new Promise(setImmediate);
      return { ...opened, close: async () => undefined };
    },
    openImage: () => Promise.reject(new Error('nobody has an image')),
  });
  return { book, boots, exchanges, api, exports };
}

const opened: DiskExport = {
  ...{ label: disk, size: 1024, readOnly: false, canMultiConn: true, close: async () => undefined },
  blockSize: { minimum: 1, preferred: 4096, maximum: 1 << 20 },
  read: () => new Uint8Array(),
  write: () => undefined,
};

export function twoBoots(answerMs = 20): TwoBoots {
  const pushed: Telemetry[] = [];
  const backend = control();
  const alive = new Map<string, AbortController>();
  const connections = new Set<{ readonly session: string }>();
  let count = 0;
  const world: World = {
    now: 1_800_000_000_000,
    ids: () => `bs_01JZ5M8K7Q${(count += 1).toString().padStart(16, '0')}`,
    push: (item) => {
      pushed.push(item);
      if (item.kind === 'opened') backend.opened.push(item.opened.id);
    },
  };
  let plane = planeOf(world, backend, answerMs);
  plane.book.accept(answer, wire, world.now);
  const authorization = (session: string) => `Bearer ${credentialOf(key, session, nonceOf(session))}`;

  const live = (session: string): void => {
    const off = alive.get(session) ?? new AbortController();
    alive.set(session, off);
    const { api } = plane;
    const isHere = (): boolean => plane.api === api && !off.signal.aborted;
    void (async () => {
      while (isHere() && (await api.disks(session, authorization(session), nothing, off.signal)).kind === 'granted');
    })();
  };

  return {
    entries: (session) =>
      pushed.flatMap((item) => (item.kind === 'entry' && item.session === session ? [item.entry] : [])),
    setRoot: (how) => void (backend.state.isRootReady = how === 'ready'),
    wait: (ms) => void (world.now += ms),
    discover: () => {
      world.now += 61_000;
      const board = plane.book.byDevice(device.id)!;
      const signal = { kind: 'discover', at: world.now, xid: world.now, firmware: 'ee', generation: 1 } as const;
      return plane.boots.sign(board, signal).track.id;
    },
    exchange: async (session, nonce = nonceOf(session), address = '10.0.0.9') => {
      const told = await plane.exchanges.exchange(session, { secret: secretOf(key, session), nonce }, address);
      return told.kind === 'refused' ? told.reason : told.kind;
    },
    live,
    die: async (session) => {
      alive.get(session)?.abort();
      alive.delete(session);
      await new Promise(setImmediate);
    },
    isValid: (session) => plane.api.beat(session, authorization(session), beat).kind === 'granted',
    attach: async (session) => {
      let close = async (): Promise<void> => undefined;
      const connection = { session };
      const told = await plane.exports.open({
        ...{ name: exportName(key, session, disk), peerAddress: '10.0.0.9', tls: false },
        signal: new AbortController().signal,
        connection: {
          id: (count += 1),
          // What is under way is done a little later.
          end: () => void setTimeout(() => void close(), 1),
        },
      });
      if (!told.ok) return false;
      connections.add(connection);
      close = async () => {
        connections.delete(connection);
        await told.export.close();
      };
      return true;
    },
    writers: () => [...new Set([...connections].map(({ session }) => session))],
    restart: () => {
      const kept = JSON.parse(JSON.stringify(plane.book.snapshot())) as ReturnType<BoardBook['snapshot']>;
      connections.clear();
      plane = planeOf(world, backend, answerMs);
      plane.book.restore(kept);
      for (const session of alive.keys()) live(session);
    },
  };
}
