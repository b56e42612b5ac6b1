import type { ExchangeForm } from '@drover/contract';
import { isSecret, openedAtOf, secretOf } from '../../../domain/boot-credential.js';
import type { DirectoryWork } from '../../nfs/plane/directory-work.js';
import type { Log } from '../../ports.js';
import type { BootBackend, ExchangeResult } from '../ports.js';
import type { Board, BoardBook, CurrentBoot, Grant } from './board-book.js';
import type { Boots } from './boots.js';
import { away, refused, type DeviceRefusal, type ExchangeAnswered } from './device-api.js';
import type { Liveness } from './liveness.js';

/** The one-use secret of a boot becomes its credential, unless the board whose name it has is up at another boot. */
export interface BoardExchange {
  exchange(session: string, form: ExchangeForm, address: string): Promise<ExchangeAnswered>;
  /** For a board whose credential proves that it was granted before: what was granted. */
  again(session: string, nonce: string): Promise<ExchangeAnswered>;
}

export interface BoardExchangeDeps {
  readonly backend: Pick<BootBackend, 'exchange'>;
  readonly book: BoardBook;
  readonly boots: Boots;
  readonly liveness: Pick<Liveness, 'isAlive'>;
  readonly bootKey: () => string | undefined;
  /** Undefined where nobody serves directories. */
  readonly directories: () => Pick<DirectoryWork, 'admit' | 'mountOf'> | undefined;
  /** What that boot opened is open to nobody any more. */
  readonly revoked: (session: string) => void;
  readonly log: Log;
}

type Granting = Extract<ExchangeResult, { kind: 'granted' }>;

const notExported: DeviceRefusal = { kind: 'not-ready', retryAfter: 5, reason: 'its directory is not exported now' };
const over = refused('over: the board has begun another boot since');
const isUp = refused('another board of this identity is up');

export function createBoardExchange(deps: BoardExchangeDeps): BoardExchange {
  const { book, boots } = deps;

  /** Who asks for the board's latest boot is not the board: that is up, at the boot before, and stays as it is. */
  const refuseImpostor = (board: Board, boot: CurrentBoot, former: CurrentBoot, address: string): ExchangeAnswered => {
    if (boot.revoked) return isUp;
    const [asked, up] = [boot.track.id, former.track.id];
    const upAddress = former.address ?? '';
    boot.revoked = true;
    const outcome = 'impostor';
    boots.note(boot, { type: 'exchange', outcome, address, other: { session: up, address: upAddress, isUp: true } });
    boots.note(former, {
      ...{ type: 'exchange', outcome, address: upAddress },
      other: { session: asked, address, isUp: false },
    });
    boots.reached(boot, 'ended');
    deps.revoked(asked);
    const { id } = board.answer.device;
    deps.log.warn({ device: id, session: asked, address, up, upAddress }, 'a second board of an identity was refused');
    return isUp;
  };

  /** Undefined: nobody is at another boot of the board. */
  const challenge = async (session: string, address: string): Promise<ExchangeAnswered | undefined> => {
    const board = book.bySession(session);
    const { boot, former } = board ?? {};
    if (board === undefined || boot?.track.id !== session || former == null || former.revoked) return undefined;
    const isAlive = await deps.liveness.isAlive(former.track.id);
    // Meanwhile this boot may be over as well.
    if (board.boot !== boot) return over;
    return isAlive && board.former === former ? refuseImpostor(board, boot, former, address) : undefined;
  };

  const openedOf = (board: Board, { track: { id, generation, openedAt } }: CurrentBoot) => ({
    opened: { ...{ id, device: board.answer.device.id, wire: board.wire }, ...{ generation, openedAt } },
  });

  const ask = async (session: string, form: ExchangeForm, address: string): Promise<ExchangeAnswered> => {
    const [board, boot] = [book.bySession(session), book.bootOf(session)];
    const opened = board === undefined || boot === undefined ? {} : openedOf(board, boot);
    const result = await deps.backend.exchange({ session, address, ...form, ...opened }).catch((error: unknown) => {
      deps.log.warn({ err: error, session }, 'a board must wait for its credential: the control plane is away');
      return undefined;
    });
    if (result === undefined) return away;
    if (result.kind === 'refused') {
      if (boot !== undefined && (result.reason === 'used-twice' || result.reason === 'revoked')) {
        boot.revoked = true;
        deps.revoked(session);
      }
      return refused(result.reason);
    }
    if (book.isOver(session)) return over;
    if (result.kind !== 'granted') return result;
    if (board !== undefined && boot !== undefined) keep(board, boot, form, result, address);
    return admitted(deps, session, result, address);
  };

  const keep = (
    board: Board,
    boot: CurrentBoot,
    { known }: ExchangeForm,
    { hostname, root, identityTar, overlaySize }: Grant,
    address: string,
  ): void => {
    boot.address = address;
    if (known !== undefined) boot.known = known;
    boot.grant = { hostname, root, identityTar, overlaySize };
    boot.exchanged = true;
    if (board.boot === boot) book.proven(board);
    boots.reached(boot, 'running');
  };

  return {
    exchange: async (session, form, address) => {
      const key = deps.bootKey();
      if (key === undefined) return away;
      if (openedAtOf(session) === undefined) return refused('no such session');
      if (!isSecret(key, session, form.secret)) {
        // Only what the key makes is worth a call; a guess is told on the timeline of a session we know.
        const boot = book.bootOf(session);
        if (boot !== undefined) boots.note(boot, { type: 'exchange', outcome: 'wrong', address });
        return refused('wrong');
      }
      if (book.isOver(session)) return over;
      if (book.bootOf(session)?.revoked === true) return refused('revoked');
      return (await challenge(session, address)) ?? ask(session, form, address);
    },
    again: async (session, nonce) => {
      const key = deps.bootKey();
      const address = book.bootOf(session)?.address ?? '';
      return key === undefined ? away : ask(session, { secret: secretOf(key, session), nonce }, address);
    },
  };
}

/** What the board mounts is there for its address before it is told of it. */
async function admitted(
  deps: Pick<BoardExchangeDeps, 'directories' | 'log'>,
  session: string,
  result: Granting,
  address: string,
): Promise<ExchangeAnswered> {
  const { root } = result;
  const directories = deps.directories();
  try {
    // One whose address was forgotten mounts nothing anew.
    if (address !== '') await directories?.admit(session, address);
  } catch (error) {
    deps.log.error({ err: error, session }, 'directories could not be exported to a board');
    // What it needs to run, it waits for; a data disk, it can do without.
    if (root.mode === 'nfs') return notExported;
  }
  if (root.mode !== 'nfs') return result;
  const mount = directories?.mountOf(root.what);
  return mount === undefined ? notExported : { ...result, root: { ...root, mount } };
}
