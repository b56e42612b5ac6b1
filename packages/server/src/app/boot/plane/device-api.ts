import type { BeatAnswer, BeatForm, DisksQuery, ExchangeForm, ReportQuery } from '@drover/contract';
import { isSecret, nonceOfCredential, openedAtOf, secretExpiry } from '../../../domain/boot-credential.js';
import type { FileSource } from '../../../domain/boot-plan.js';
import type { Clock } from '../../ports.js';
import type { BoardDisks, DiskList } from '../../disks/plane/board-disks.js';
import type { BootBackend, ExchangeResult } from '../ports.js';
import type { Beats } from './beats.js';
import type { BoardExchange } from './board-exchange.js';
import type { CardContent, CardFileSource } from './card-content.js';
import type { BoardBook, Grant } from './board-book.js';
import type { Boots } from './boots.js';
import type { Liveness } from './liveness.js';
import type { NewEntry } from './ports.js';
import type { Signs } from './signs.js';

/** What a board that runs our initramfs may ask, see contract/device-api. Refusals are values. */
export interface DeviceApi {
  exchange(session: string, form: ExchangeForm, address: string): Promise<ExchangeAnswered>;
  /** Opens the root for download. */
  root(session: string, authorization: string | undefined): Promise<Granted<OpenRoot>>;
  identity(session: string, authorization: string | undefined): Promise<Granted<Uint8Array>>;
  /** The files of the device's own as they are now, a tar. */
  files(session: string, authorization: string | undefined): Promise<Granted<Uint8Array>>;
  /** What a self-updating card is to hold, signed. */
  card(session: string, authorization: string | undefined, nonce: string): Promise<Granted<string>>;
  /** Opens the set of boot files, or the archive of the boot config, for download. */
  cardFile(
    session: string,
    authorization: string | undefined,
    which: 'boot' | 'config' | 'delta',
  ): Promise<Granted<OpenRoot>>;
  /** Its data disks, as soon as they are others than those it knows. */
  disks(
    session: string,
    authorization: string | undefined,
    says: DisksQuery,
    signal: AbortSignal,
  ): Promise<Granted<DiskList>>;
  report(
    session: string,
    authorization: string | undefined,
    report: ReportQuery,
    log: string,
  ): DeviceRefusal | undefined;
  /** A heartbeat; the answer says when the next one is wanted. */
  beat(session: string, authorization: string | undefined, form: BeatForm): Granted<BeatAnswer>;
}

export type DeviceRefusal =
  /** 403. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** 404: it is no more what this board was promised. */
  | { readonly kind: 'gone' }
  /** 503 with Retry-After. */
  | { readonly kind: 'not-ready'; readonly retryAfter: number; readonly reason: string };

export type Granted<T> = { readonly kind: 'granted'; readonly value: T } | DeviceRefusal;
export type ExchangeAnswered = Extract<ExchangeResult, { kind: 'granted' }> | DeviceRefusal;

export interface OpenRoot {
  readonly source: FileSource;
  readonly tag: string;
  end(end: { readonly outcome: 'complete' | 'aborted' | 'failed'; readonly bytes: number; readonly ms: number }): void;
}

interface DeviceApiDeps {
  readonly backend: Pick<BootBackend, 'files'>;
  readonly exchanges: BoardExchange;
  readonly liveness: Pick<Liveness, 'during'>;
  readonly signs: Signs;
  readonly book: BoardBook;
  readonly boots: Boots;
  readonly bootKey: () => string | undefined;
  /** For sessions the boot plane no longer knows. */
  readonly pushEntry: (session: string, entry: NewEntry) => void;
  readonly boardDisks: Pick<BoardDisks, 'follow'>;
  readonly cardContent: CardContent;
  readonly beats: Beats;
  readonly clock: Clock;
  readonly sessionTtlSeconds: number;
}

export const away: DeviceRefusal = { kind: 'not-ready', retryAfter: 2, reason: 'the control plane is away' };
const notValid = 'the credential is not valid for this session';
export const refused = (reason: string): DeviceRefusal => ({ kind: 'refused', reason });

export function createDeviceApi(deps: DeviceApiDeps): DeviceApi {
  const { book, boots, clock } = deps;

  const note = (session: string, entry: NewEntry): void => {
    const boot = book.bootOf(session);
    if (boot === undefined) deps.pushEntry(session, entry);
    else boots.note(boot, entry);
  };

  /** The nonce of a genuine credential of this session. */
  const nonceIn = (session: string, authorization: string | undefined): string | undefined => {
    const key = deps.bootKey();
    const credential = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    if (key === undefined || credential === undefined || openedAtOf(session) === undefined) return undefined;
    if (book.bootOf(session)?.revoked === true) return undefined;
    return nonceOfCredential(key, session, credential);
  };

  /** The same for a session that is still the board's own. */
  const authorise = (session: string, authorization: string | undefined): string | undefined =>
    book.isOver(session) ? undefined : nonceIn(session, authorization);

  /** What was granted; a boot plane that started anew asks again with what the credential proves. */
  const grantOf = async (session: string, authorization: string | undefined): Promise<Granted<Grant>> => {
    const nonce = authorise(session, authorization);
    if (nonce === undefined) return refused(notValid);
    const known = book.bootOf(session)?.grant;
    if (known != null) return { kind: 'granted', value: known };
    const again = await deps.exchanges.again(session, nonce);
    return again.kind === 'granted' ? { kind: 'granted', value: again } : again;
  };

  const mayReport = (session: string, authorization: string | undefined): boolean => {
    // What a board says of a boot that is over belongs to that one.
    if (nonceIn(session, authorization) !== undefined) return true;
    const key = deps.bootKey();
    const secret = /^Secret ([0-9a-f]{32})$/.exec(authorization ?? '')?.[1];
    const openedAt = openedAtOf(session);
    if (key === undefined || secret === undefined || openedAt === undefined) return false;
    if (book.bootOf(session)?.revoked === true) return false;
    return isSecret(key, session, secret) && clock.now() <= secretExpiry(openedAt, deps.sessionTtlSeconds);
  };

  const opened = (session: string, path: string, { source, digest }: CardFileSource): Granted<OpenRoot> => ({
    kind: 'granted',
    value: {
      source,
      tag: digest,
      end: ({ outcome, bytes, ms }) =>
        note(session, { type: 'root.download', path, outcome, bytes, ms: Math.round(ms) }),
    },
  });

  const cardFile = async (session: string, path: 'root' | 'boot' | 'config' | 'delta'): Promise<Granted<OpenRoot>> => {
    const found = await deps.cardContent[path](session);
    return found.kind === 'granted' ? opened(session, path, found.value) : found;
  };

  /** Which root a board has: one of its card is asked for apart, as it may be of a later assignment than this boot's. */
  const isCard = (session: string): boolean => book.bootOf(session)?.card !== undefined;

  return {
    exchange: (session, form, address) => deps.exchanges.exchange(session, form, address),
    card: async (session, authorization, nonce) =>
      authorise(session, authorization) === undefined ? refused(notValid) : deps.cardContent.answer(session, nonce),
    cardFile: async (session, authorization, which) =>
      authorise(session, authorization) === undefined ? refused(notValid) : cardFile(session, which),
    root: async (session, authorization) => {
      if (authorise(session, authorization) === undefined) return refused(notValid);
      if (isCard(session)) return cardFile(session, 'root');
      const granted = await grantOf(session, authorization);
      if (granted.kind !== 'granted') return granted;
      const { root } = granted.value;
      if (root.mode === 'sd') return cardFile(session, 'root');
      if (root.mode !== 'ram') return refused('the root of this board is a disk, which it attaches');
      const { digest, size } = root;
      return opened(session, 'root', {
        digest,
        source: { size, segments: [{ blob: digest, offset: 0, length: size }] },
      });
    },
    identity: async (session, authorization) => {
      const granted = await grantOf(session, authorization);
      if (granted.kind !== 'granted') return granted;
      return { kind: 'granted', value: Buffer.from(granted.value.identityTar, 'base64') };
    },
    files: async (session, authorization) => {
      if (authorise(session, authorization) === undefined) return refused(notValid);
      const tar = await deps.backend.files(session).catch(() => undefined);
      if (tar === undefined) return away;
      return tar === null
        ? refused('this boot is not that of the device any more')
        : { kind: 'granted', value: Buffer.from(tar, 'base64') };
    },
    disks: async (session, authorization, says, signal) => {
      if (authorise(session, authorization) === undefined) return refused(notValid);
      deps.signs.heard(session);
      const value = await deps.liveness.during(session, signal, (until) =>
        deps.boardDisks.follow(session, says, until),
      );
      return value === undefined ? away : { kind: 'granted', value };
    },
    report: (session, authorization, { step, state, message, uptime, log: source }, log) => {
      if (!mayReport(session, authorization)) return refused('neither credential nor secret of this session');
      note(session, { type: 'report', step, state, message, ...(uptime === undefined ? {} : { uptime }) });
      if (log !== '') note(session, { type: 'log', source: source ?? 'initramfs', text: log });
      const boot = book.bootOf(session);
      if (boot === undefined) return undefined;
      const isUp = step === 'up' && state === 'ok';
      boots.reached(boot, isUp ? 'ended' : 'running');
      // A board that is up has all it needs; thousands of them need not be remembered with their keys.
      if (isUp) boot.grant = null;
      return undefined;
    },
    beat: (session, authorization, form) =>
      authorise(session, authorization) === undefined ? refused(notValid) : deps.beats.take(session, form),
  };
}
