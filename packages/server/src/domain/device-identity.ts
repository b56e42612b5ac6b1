import type { Identity, Model } from '@drover/contract';

/** What a device is known by, as far as recognising a board needs it. */
export interface KnownBoard {
  readonly id: string;
  readonly name: string;
  readonly adopted: boolean;
  readonly mac: string | null;
  readonly bootPrefix: string | null;
  readonly model: Model;
  readonly createdAt: string;
}

/** What a board shows of itself. */
export interface ShownIdentity {
  readonly mac?: string | undefined;
  readonly bootPrefix?: string | undefined;
}

export type Recognised =
  | { readonly kind: 'unknown' }
  /** It is this one; `learn` are identities it did not have yet. */
  | { readonly kind: 'known'; readonly board: KnownBoard; readonly learn: readonly Identity[] }
  /** Two records turn out to be one board: `keep` takes over what `drop` has. */
  | { readonly kind: 'same'; readonly keep: KnownBoard; readonly drop: KnownBoard }
  /** It cannot be who it says it is, or two boards say the same: a person must decide. */
  | { readonly kind: 'conflict'; readonly reason: string; readonly boards: readonly KnownBoard[] };

/** First half of every MAC on boards up to the Pi 3, whose second half is that of the serial. */
const serialMac = 'b8:27:eb:';

/** Boards whose MAC is made from the serial (wire reference, section 2). A board of unknown model may be one. */
const serialMacModels: ReadonlySet<Model> = new Set<Model>([
  'pi0',
  'pi0w',
  'pi02w',
  'pi1',
  'pi2',
  'pi3',
  'pi3+',
  'cm3',
  'other',
]);

/** The last 6 digits of the boot prefix that goes with a MAC made from a serial; undefined for other MACs. */
export const prefixTailOf = (mac: string): string | undefined =>
  mac.startsWith(serialMac) ? mac.slice(serialMac.length).replaceAll(':', '') : undefined;

/** The MAC that goes with a boot prefix on boards up to the Pi 3. */
export const macOfPrefix = (prefix: string): string =>
  `${serialMac}${prefix.slice(2, 4)}:${prefix.slice(4, 6)}:${prefix.slice(6, 8)}`;

/** Low 32 bits of a serial: the folder the board asks for by default. */
export const prefixOfSerial = (serial: string): string => serial.slice(-8);

/** The boards that might be the one that showed itself. */
export interface Candidates {
  readonly byMac?: KnownBoard | undefined;
  readonly byPrefix?: KnownBoard | undefined;
  /** Holder of the MAC that {@link macOfPrefix} gives, when no MAC was shown. */
  readonly byDerivedMac?: KnownBoard | undefined;
  /** Boards without a MAC whose prefix ends in {@link prefixTailOf} the MAC shown. */
  readonly byPrefixTail: readonly KnownBoard[];
}

/**
 * Decides which known board this is. A MAC and a boot prefix are both of one board for good, so a prefix with two MACs, or a MAC with two prefixes, is
 * never merged silently: one of them is a clone, a changed EEPROM setting or a lie.
 */
export const recognise = (shown: ShownIdentity, candidates: Candidates): Recognised => {
  const byMac = candidates.byMac;
  const byPrefix = candidates.byPrefix ?? derivedFromMac(shown, candidates);
  if (byMac !== undefined && byPrefix !== undefined && byMac.id !== byPrefix.id) return join(shown, byMac, byPrefix);
  const board = byMac ?? byPrefix ?? derivedFromPrefix(shown, candidates);
  if (board === undefined) return { kind: 'unknown' };
  return contradiction(shown, board) ?? { kind: 'known', board, learn: news(shown, board) };
};

/** The only board without a MAC that this MAC can belong to. */
const derivedFromMac = (shown: ShownIdentity, { byMac, byPrefixTail }: Candidates): KnownBoard | undefined => {
  if (shown.mac === undefined || shown.bootPrefix !== undefined || byMac !== undefined) return undefined;
  const fitting = byPrefixTail.filter((board) => board.mac === null && serialMacModels.has(board.model));
  return fitting.length === 1 ? fitting[0] : undefined;
};

/** The board without a prefix whose MAC this prefix gives. */
const derivedFromPrefix = (shown: ShownIdentity, { byDerivedMac }: Candidates): KnownBoard | undefined =>
  shown.mac === undefined &&
  byDerivedMac !== undefined &&
  byDerivedMac.bootPrefix === null &&
  serialMacModels.has(byDerivedMac.model)
    ? byDerivedMac
    : undefined;

const contradiction = (shown: ShownIdentity, board: KnownBoard): Recognised | undefined => {
  const { mac, bootPrefix } = shown;
  if (mac !== undefined && board.mac !== null && board.mac !== mac) {
    return {
      kind: 'conflict',
      reason: `the boot prefix ${bootPrefix ?? board.bootPrefix ?? ''} of ${board.name} (MAC ${board.mac}) was shown by MAC ${mac}`,
      boards: [board],
    };
  }
  if (bootPrefix !== undefined && board.bootPrefix !== null && board.bootPrefix !== bootPrefix) {
    return {
      kind: 'conflict',
      reason: `the MAC ${board.mac ?? ''} of ${board.name} (boot prefix ${board.bootPrefix}) came with the boot prefix ${bootPrefix}`,
      boards: [board],
    };
  }
  return undefined;
};

const news = (shown: ShownIdentity, board: KnownBoard): Identity[] => [
  ...(shown.mac !== undefined && board.mac === null ? [{ kind: 'mac' as const, value: shown.mac }] : []),
  ...(shown.bootPrefix !== undefined && board.bootPrefix === null
    ? [{ kind: 'boot-prefix' as const, value: shown.bootPrefix }]
    : []),
];

/** One record knows the MAC, the other the prefix. They are one board when neither knows anything else. */
const join = (shown: ShownIdentity, byMac: KnownBoard, byPrefix: KnownBoard): Recognised => {
  const against = contradiction(shown, byMac) ?? contradiction(shown, byPrefix);
  if (against?.kind === 'conflict') return { ...against, boards: [byMac, byPrefix] };
  if (byMac.adopted && byPrefix.adopted) {
    return {
      kind: 'conflict',
      reason: `${byMac.name} (by its MAC) and ${byPrefix.name} (by its boot prefix) are one board, but both were adopted`,
      boards: [byMac, byPrefix],
    };
  }
  const keep = preferred(byMac, byPrefix);
  return { kind: 'same', keep, drop: keep === byMac ? byPrefix : byMac };
};

const preferred = (a: KnownBoard, b: KnownBoard): KnownBoard => {
  if (a.adopted !== b.adopted) return a.adopted ? a : b;
  return a.createdAt <= b.createdAt ? a : b;
};
