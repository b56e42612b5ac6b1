import { foldPath } from '../../../domain/boot-tree.js';
import type { Clock } from '../../ports.js';
import type { WireIdentity } from '../ports.js';
import type { Board, BoardBook } from './board-book.js';
import type { Identify } from './identify.js';
import type { BootFileRequest, Neighbours } from './ports.js';

/** A request with its folder understood: whose it is, and which file below that. */
export interface Located {
  readonly board: Board | undefined;
  /** Folded, without the folder of the board. */
  readonly file: string;
}

export interface LocateBoard {
  /** Undefined: no path we would ever serve. */
  (request: BootFileRequest): Promise<Located | undefined>;
}

interface LocateDeps {
  readonly identify: Identify;
  readonly book: BoardBook;
  readonly neighbours: Neighbours;
  readonly clock: Clock;
  readonly site: string;
}

/** An answer this old is good enough while files are read; what they are is pinned. */
const duringBootMs = 5_000;
/** Boards without an assignment may get one any moment. */
const withoutPlanMs = 2_000;
/** A ROM asks bootcode.bin within this time of its DISCOVER. */
const romMs = 60_000;

/** What a Pi asks first, which is what makes an unknown folder a new board. For other files only devices that are registered are looked up. */
const firstFile =
  /^(bootcode\.bin|bootsig\.bin|start\w*\.elf|config\.txt|autoboot\.txt|boot\.(sig|img)|pieeprom\.\w+)$/;
const prefixed = /^([0-9a-f]{8})\/(.+)$/;
const byMac = /^((?:[0-9a-f]{2}-){5}[0-9a-f]{2})\/(.+)$/;

/** Questions about folders nobody has shown yet, so that a scan does not become one device each. */
const unknownPerMinute = 60;
const unknownPerAddress = 8;

export function createLocateBoard(deps: LocateDeps): LocateBoard {
  const { book, clock, identify } = deps;
  const allowed = createUnknownLimit(clock);

  const ask = (wire: WireIdentity): Promise<Board | undefined> => {
    const known = book.find(wire);
    if (known !== undefined) return identify(wire, maxAge(known));
    return allowed(wire.address ?? '') ? identify(wire, 0) : Promise.resolve(undefined);
  };

  /** MAC of the board behind an address, if it can be the one with this prefix. */
  const macFor = async (address: string, prefix: string): Promise<string | undefined> => {
    const known = book.byAddress(address, clock.now())?.answer.device;
    const mac = known?.mac ?? (await deps.neighbours.macOf(address)) ?? silentRom(prefix);
    if (mac === undefined) return undefined;
    const holder = book.find({ mac })?.answer.device.bootPrefix;
    if (holder != null && holder !== prefix) return undefined;
    // MACs of boards up to the Pi 3 end as their serial does.
    return mac.startsWith('b8:27:eb') && tail(mac) !== prefix.slice(2) ? undefined : mac;
  };

  /** A Pi 3's ROM shows its MAC in DHCP and its serial only in the folder it asks for. */
  const silentRom = (prefix: string): string | undefined => {
    for (const { answer } of book.all()) {
      const { mac, bootPrefix } = answer.device;
      if (bootPrefix === null && mac?.startsWith('b8:27:eb') === true && tail(mac) === prefix.slice(2)) return mac;
    }
    return undefined;
  };

  /** A request without a folder: the board with this address, if it is at a boot. */
  const atRoot = async (address: string, file: string): Promise<Board | undefined> => {
    const known = book.byAddress(address, clock.now()) ?? (await neighbour(address));
    if (known !== undefined) return identify(knownWire(known, address), maxAge(known));
    return file === 'bootcode.bin' || file === 'bootsig.bin' ? romInWaiting(address) : undefined;
  };

  const neighbour = async (address: string): Promise<Board | undefined> => {
    const mac = await deps.neighbours.macOf(address);
    return mac === undefined ? undefined : book.find({ mac });
  };

  /** The one ROM that has just been answered and whose address nobody told. With two of them, neither. */
  const romInWaiting = (address: string): Board | undefined => {
    const now = clock.now();
    const waiting = [...book.all()].filter(
      ({ boot }) =>
        boot !== null &&
        (boot.track.firmware === 'rom' || boot.track.firmware === 'bc') &&
        boot.track.phase === 'dhcp' &&
        now - boot.track.lastAt < romMs,
    );
    const [only] = waiting;
    if (only === undefined || waiting.length > 1) return undefined;
    book.learnAddress(only, address, now);
    return only;
  };

  const located = async (request: BootFileRequest, path: string): Promise<Located> => {
    const address = request.clientAddress;
    const common = { site: deps.site, address, firmware: 'unknown' } as const;
    const [, prefix, below] = prefixed.exec(path) ?? [];
    if (prefix !== undefined && below !== undefined) {
      const found = book.find({ bootPrefix: prefix });
      const mac = found?.answer.device.mac ?? (await macFor(address, prefix));
      const isPi = firstFile.test(below);
      const wire: WireIdentity = { ...common, bootPrefix: prefix, isPi, ...(mac === undefined ? {} : { mac }) };
      return { board: await ask(wire), file: below };
    }
    const [, folder, file] = byMac.exec(path) ?? [];
    if (folder !== undefined && file !== undefined) {
      const mac = folder.replaceAll('-', ':');
      return { board: await ask({ ...common, mac, isPi: false }), file };
    }
    return { board: await atRoot(address, path), file: path };
  };

  return async (request) => {
    const path = foldPath(request.path);
    if (path === undefined) return undefined;
    const found = await located(request, path);
    if (found.board !== undefined) book.learnAddress(found.board, request.clientAddress, clock.now());
    return found;
  };
}

const tail = (mac: string): string => mac.slice(9).replaceAll(':', '');

const knownWire = ({ wire, answer: { device } }: Board, address: string): WireIdentity => ({
  ...wire,
  address,
  ...(device.mac === null ? {} : { mac: device.mac }),
  ...(device.bootPrefix === null ? {} : { bootPrefix: device.bootPrefix }),
});

function maxAge({ boot, answer }: Board): number {
  if (answer.kind === 'nothing') return withoutPlanMs;
  // Before its first file the board gets what is assigned now.
  return boot === null || boot.track.phase === 'dhcp' || boot.track.phase === 'ended' ? 0 : duringBootMs;
}

function createUnknownLimit(clock: Clock): (address: string) => boolean {
  let minute = 0;
  let all = 0;
  let perAddress = new Map<string, number>();
  return (address) => {
    const now = Math.floor(clock.now() / 60_000);
    if (now !== minute) {
      minute = now;
      all = 0;
      perAddress = new Map();
    }
    const count = perAddress.get(address) ?? 0;
    if (all >= unknownPerMinute || count >= unknownPerAddress) return false;
    all += 1;
    perAddress.set(address, count + 1);
    return true;
  };
}
