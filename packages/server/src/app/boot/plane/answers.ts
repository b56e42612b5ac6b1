import { macFolder, networkBootFile } from '../../../domain/boot-scripts.js';
import type { Clock } from '../../ports.js';
import type { Board, BoardBook, CurrentBoot } from './board-book.js';
import type { Boots } from './boots.js';
import type { Identify } from './identify.js';
import type { Overlays } from './overlays.js';
import type { BootAnswers, DhcpDecision, DhcpSighting } from './ports.js';

interface AnswersDeps {
  readonly identify: Identify;
  readonly book: BoardBook;
  readonly boots: Boots;
  readonly overlays: Overlays;
  readonly clock: Clock;
  /** A board's system asked for an address, by broadcast. */
  readonly followed?: (device: string, address: string) => void;
}

const isPi = ({ firmware }: DhcpSighting['wire']): boolean =>
  firmware === 'rom' || firmware === 'bc' || firmware === 'ee';

export function createBootAnswers({ identify, book, boots, overlays, clock, followed }: AnswersDeps): BootAnswers {
  const boardOf = (mac: string): Board | undefined => book.find({ mac });

  const noteDiscover = (boot: CurrentBoot, sighting: DhcpSighting): void =>
    boots.note(boot, {
      type: 'dhcp.discover',
      mac: sighting.wire.mac,
      firmware: sighting.wire.firmware,
      interface: sighting.interface,
      ...(sighting.relay === undefined ? {} : { relay: sighting.relay }),
    });

  /** Pis find their files themselves; other machines are told one. */
  const bootFile = async (board: Board, sighting: DhcpSighting): Promise<string | null> => {
    const boot = board.boot;
    if (isPi(sighting.wire) || boot?.plan == null) return null;
    const rendered = await overlays.preview(boot);
    if (rendered === undefined) return null;
    const file = networkBootFile(rendered.tree, rendered.overlay, sighting.wire);
    return file === undefined ? null : `${macFolder(sighting.wire.mac)}/${file}`;
  };

  const dhcp = async (sighting: DhcpSighting): Promise<DhcpDecision> => {
    const { wire } = sighting;
    const board = await identify(wire, sighting.message === 'discover' ? 0 : 5_000);
    if (board === undefined) return { kind: 'ignore', reason: 'neither a Raspberry Pi nor a registered machine' };
    if (sighting.address !== undefined) book.learnAddress(board, sighting.address, clock.now());
    const { device } = board.answer;
    if (sighting.message === 'discover') {
      const boot = boots.sign(board, {
        kind: 'discover',
        at: clock.now(),
        xid: sighting.xid,
        firmware: wire.firmware,
        generation: board.answer.kind === 'boot' ? board.answer.plan.generation : null,
      });
      noteDiscover(boot, sighting);
    }
    return {
      kind: 'answer',
      device: device.id,
      hostname: device.hostname,
      model: device.model,
      bootable: board.answer.kind === 'boot',
      adopted: device.tenant !== null,
      bootFile: await bootFile(board, sighting),
    };
  };

  return {
    dhcp,
    heard: ({ wire, message, interface: name, address, firmware }) => {
      const board = boardOf(wire.mac);
      if (board?.boot == null) return;
      if (address !== undefined) book.learnAddress(board, address, clock.now());
      // An operating system that asks is no sign of firmware: the boot goes on as it is.
      if (firmware) boots.touched(board.boot);
      if (message === 'request' && address !== undefined) followed?.(board.answer.device.id, address);
      if (message !== 'discover' && message !== 'request') return;
      boots.note(board.boot, {
        type: 'dhcp.request',
        mac: wire.mac,
        interface: name,
        ...(address === undefined ? {} : { address }),
      });
    },
    note: (mac, entry) => {
      const boot = boardOf(mac)?.boot;
      if (boot != null) boots.note(boot, entry);
    },
    learnAddress: (mac, address) => {
      const board = boardOf(mac);
      if (board !== undefined) book.learnAddress(board, address, clock.now());
    },
  };
}
