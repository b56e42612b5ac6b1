import { spawn } from 'node:child_process';
import { createTranscript, type Transcript } from '../lab/transcript.js';

export interface UserGuest {
  readonly console: Transcript;
  /** Settles with the exit code when QEMU has ended: a reboot of the guest ends it. */
  readonly ended: Promise<number | null>;
  /** Types on the console. */
  send(text: string): void;
  stop(): Promise<void>;
}

export interface UserGuestOptions {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  /** 512 by default. */
  readonly memoryMiB?: number;
  /** `silent`: a network card whose other end nobody answers. `second`: such a one, and then one that works. Default `works`. */
  readonly network?: 'works' | 'silent' | 'second';
  /** A Raspberry Pi 3B with this device tree, its network card on USB, instead of a `virt` board. It does not restart. */
  readonly raspi3b?: string;
}

/** The host as the guest sees it. */
export const hostAddress = '10.0.2.2';

const silent = (id: string): string[] => ['-netdev', `hubport,id=${id},hubid=0`];
const user = (id: string): string[] => ['-netdev', `user,id=${id}`];
const card = (id: string): string[] => ['-device', `virtio-net-device,netdev=${id}`];

function machine({ network = 'works', raspi3b, memoryMiB = 512 }: UserGuestOptions): string[] {
  if (raspi3b !== undefined)
    return ['-M', 'raspi3b', '-dtb', raspi3b, '-serial', 'stdio', ...user('n0'), '-device', 'usb-net,netdev=n0'];
  return [
    ...['-M', 'virt', '-cpu', 'cortex-a53', '-m', String(memoryMiB), '-nodefaults', '-serial', 'stdio'],
    // The last card on the command line is the first on the board.
    ...(network === 'second' ? [...user('n1'), ...card('n1')] : []),
    ...(network === 'works' ? user('n0') : silent('n0')),
    ...card('n0'),
  ];
}

/**
 * A board on QEMU's own user network: DHCP at once, the host's loopback at 10.0.2.2, no namespaces and no root. What is
 * tested here is the board; how it finds its server is for the lab.
 */
export function startUserGuest(options: UserGuestOptions): UserGuest {
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'qemu-system-aarch64', ...machine(options), '-nographic', '-no-reboot'],
      ...['-monitor', 'none', '-kernel', options.kernel, '-initrd', options.initrd, '-append', options.append],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const transcript = createTranscript('guest');
  child.stdout.on('data', (chunk: Buffer) => transcript.append(chunk));
  child.stderr.on('data', (chunk: Buffer) => transcript.append(chunk));
  child.stdin.on('error', () => undefined);
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      transcript.close(`it ended with ${code}`);
      resolve(code);
    });
  });
  return {
    console: transcript,
    ended,
    send: (text) => void child.stdin.write(text),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
