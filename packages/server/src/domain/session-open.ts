import type { FirmwareKind } from '@drover/contract';

/**
 * Whether what a board does on the wire belongs to the boot that is under way or begins a new one. A board never says "I start now": it repeats
 * DISCOVERs, asks the same files several times, runs through two or three DHCP clients in one boot (ROM, bootcode.bin, iPXE), or skips DHCP because its
 * address is in its EEPROM. What an operating system says (DHCP without PXE options) never comes here: it is no new boot.
 */

/**
 * How far the boot plane saw a boot come. `bootcode`: only what the boot ROM fetches. `kernel`: a kernel was fetched whole. `running`: our initramfs
 * spoke. `ended`: up, failed, or revoked.
 */
export type BootPhase = 'dhcp' | 'bootcode' | 'firmware' | 'kernel' | 'running' | 'ended';
const phases: readonly BootPhase[] = ['dhcp', 'bootcode', 'firmware', 'kernel', 'running', 'ended'];

/** A boot under way, as the boot plane keeps it. Plain data: it survives a restart as JSON. Times in ms since the epoch. */
export interface BootTrack {
  readonly id: string;
  readonly openedAt: number;
  /** Generation of the assignment it boots; null: nothing to boot. */
  readonly generation: number | null;
  readonly firmware: FirmwareKind;
  readonly phase: BootPhase;
  /** Last DISCOVER, request or end of a transfer by firmware. */
  readonly lastAt: number;
  /** Of the last DISCOVER. */
  readonly xid: number | null;
  /** What the board told apart its boot by, where its kernel came from a card. */
  readonly card?: string;
}

export type BootSignal =
  | {
      readonly kind: 'discover';
      readonly at: number;
      readonly xid: number;
      readonly firmware: FirmwareKind;
      readonly generation: number | null;
    }
  /** `path` folded, below the board's folder. `busy`: transfers of this board are under way. */
  | {
      readonly kind: 'file';
      readonly at: number;
      readonly path: string;
      readonly generation: number | null;
      readonly busy: boolean;
    }
  /** A kernel of a card runs and asks what to boot. `nonce`: the same for all questions of one boot. */
  | {
      readonly kind: 'card';
      readonly at: number;
      readonly nonce: string;
      readonly generation: number | null;
    };

/** A firmware's DHCP tries are at most this far apart: EE boards pause 5 s between rounds of 45 s (wire reference, section 3). */
const retryMs = 60_000;
/** A DISCOVER repeated with its xid is the same one on another way. */
const repeatMs = 5_000;
/** A board that asks its first file again after this long a pause started over. */
const firmwarePauseMs = 15_000;
const kernelPauseMs = 8_000;

/** Files a firmware asks first; a board with a static address shows a new boot by nothing else. */
const firstFiles = /^(bootcode\.bin|start\w*\.elf|config\.txt|boot\.sig)$/;
const romFiles = /^(bootcode|bootsig)\.bin$/;

const later: readonly FirmwareKind[] = ['rom', 'bc', 'unknown', 'edk2', 'uboot', 'ipxe'];
/** One program handed over to the next within a boot. */
const handedOver = (from: FirmwareKind, to: FirmwareKind): boolean =>
  from !== to && later.includes(from) && later.indexOf(to) > later.indexOf(from);

export type OpenDecision = { readonly open: boolean; readonly because: string };
const open = (because: string): OpenDecision => ({ open: true, because });
const goOn = (because: string): OpenDecision => ({ open: false, because });

/**
 * @param current the board's latest boot, null when it has none
 * @param secretMs how long a session's secret is good for: one that waits for its first file past half of it is renewed while nothing was read yet
 */
export function decideOpen(current: BootTrack | null, signal: BootSignal, secretMs: number): OpenDecision {
  if (current === null) return open('the first sign of this board');
  switch (signal.kind) {
    case 'discover':
      return onDiscover(current, signal, secretMs);
    case 'file':
      return onFile(current, signal, secretMs);
    case 'card':
      return onCard(current, signal, secretMs);
  }
}

const isStale = (current: BootTrack, at: number, secretMs: number): boolean => at - current.openedAt > secretMs / 2;

function onDiscover(current: BootTrack, signal: BootSignal & { kind: 'discover' }, secretMs: number): OpenDecision {
  const gap = signal.at - current.lastAt;
  if (current.phase === 'ended' || current.phase === 'running') return open('a DISCOVER after the boot');
  if (signal.generation !== current.generation) return open('the assignment changed');
  if (signal.xid === current.xid && gap <= repeatMs) return goOn('the same DISCOVER');
  if (gap > retryMs) return open('a DISCOVER after a long silence');
  if (current.phase === 'dhcp') {
    return isStale(current, signal.at, secretMs) ? open('the secret grows old') : goOn('another try');
  }
  if (current.phase === 'bootcode') return goOn('bootcode.bin asks after the ROM');
  if (handedOver(current.firmware, signal.firmware)) return goOn('one boot program starts the next');
  return open('a DISCOVER after files were read');
}

function onFile(current: BootTrack, signal: BootSignal & { kind: 'file' }, secretMs: number): OpenDecision {
  // Nothing was rendered for a board that had nothing to boot.
  if (current.generation === null && signal.generation !== null) return open('an image was assigned');
  if (current.phase === 'dhcp') {
    if (signal.generation !== current.generation) return open('the assignment changed');
    return isStale(current, signal.at, secretMs) ? open('the secret grows old') : goOn('the first file');
  }
  if (!firstFiles.test(signal.path)) return goOn('a file of this boot');
  if (current.phase === 'ended' || current.phase === 'running') return open('a first file after the boot');
  const pause = current.phase === 'kernel' ? kernelPauseMs : firmwarePauseMs;
  if (!signal.busy && signal.at - current.lastAt > pause) return open('a first file after a pause');
  return goOn('firmware reads files several times');
}

function onCard(current: BootTrack, signal: BootSignal & { kind: 'card' }, secretMs: number): OpenDecision {
  if (current.card !== signal.nonce) return open('the kernel of a card asks');
  if (current.phase === 'ended' || current.phase === 'running') return open('a question after the boot');
  if (signal.generation !== current.generation) return open('the assignment changed');
  return isStale(current, signal.at, secretMs) ? open('the secret grows old') : goOn('the same question again');
}

const furthest = (a: BootPhase, b: BootPhase): BootPhase => (phases.indexOf(a) >= phases.indexOf(b) ? a : b);

/** The track with the signal noted. */
export function follow(current: BootTrack, signal: BootSignal): BootTrack {
  const followed = { ...current, lastAt: signal.at };
  switch (signal.kind) {
    case 'discover':
      return { ...followed, xid: signal.xid, firmware: signal.firmware };
    case 'file':
      return { ...followed, phase: furthest(current.phase, romFiles.test(signal.path) ? 'bootcode' : 'firmware') };
    case 'card':
      return { ...followed, card: signal.nonce, phase: furthest(current.phase, 'kernel') };
  }
}

/** The track moved on to a phase that something else told of: a kernel read whole, a report. Never backwards. */
export const reach = (current: BootTrack, phase: BootPhase, at: number): BootTrack => ({
  ...current,
  phase: furthest(current.phase, phase),
  lastAt: Math.max(current.lastAt, at),
});

const kernelFile = /(^|\/)(kernel[^/]*\.img|vmlinu[xz][^/]*|u?image(\.gz)?|zimage)$/i;
/** Whether a path names a kernel, by the names firmware and distributions give it. */
export const isKernelPath = (path: string): boolean => kernelFile.test(path);
