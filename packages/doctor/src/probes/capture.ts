import { spawn } from 'node:child_process';
import { createCaptureReader } from './frames.js';
import { codeOf, pause } from './probe.js';

export type Captured = { readonly ok: true } | { readonly ok: false; readonly reason: string };

interface Wanted {
  /** A network card, or `any`. */
  readonly card: string;
  /** In the language of pcap-filter(7). */
  readonly filter: string;
  readonly ms: number;
  readonly take: (frame: Buffer) => void;
  /** Called when frames are seen from now on. */
  readonly onListening?: () => void;
}

/** Longest wait for tcpdump to begin. */
const startMs = 4_000;
/** Enough for a DHCP message with its options. */
const snapLength = 700;

const why = (said: string): string => {
  if (/permission|Operation not permitted/i.test(said)) return 'it needs root, or CAP_NET_RAW';
  return `tcpdump said: ${said.trim().split('\n').at(-1) ?? 'nothing'}`;
};

/** Frames off a network card for so long. Node has no packet sockets, so tcpdump reads them: as a child, bounded in time, writing to us alone. */
export const capture = async (wanted: Wanted, signal: AbortSignal): Promise<Captured> => {
  const { card, filter, ms, take, onListening } = wanted;
  const link = card === 'any' ? ['-y', 'LINUX_SLL2'] : [];
  const args = ['-i', card, ...link, '-n', '-U', '-s', String(snapLength), '--immediate-mode', '-w', '-', filter];
  const child = spawn('tcpdump', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let failed: unknown;
  const read = createCaptureReader(take);
  child.stdout.on('data', (chunk: Buffer) => read(chunk));
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      failed = error;
      resolve();
    });
  });
  const listening = new Promise<true>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/listening on/.test(said)) resolve(true);
    });
  });
  try {
    const began = await Promise.race([listening, ended, pause(startMs, signal)]);
    if (codeOf(failed) === 'ENOENT') return { ok: false, reason: 'it needs tcpdump (package tcpdump)' };
    if (began !== true) return { ok: false, reason: signal.aborted ? 'it was called off' : why(said) };
    onListening?.();
    await Promise.race([pause(ms, signal), ended]);
    return { ok: true };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
};
