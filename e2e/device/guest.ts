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
  /** False: a network card whose other end nobody answers. */
  readonly network?: boolean;
}

/** The host as the guest sees it. */
export const hostAddress = '10.0.2.2';

/**
 * A `virt` board on QEMU's own user network: DHCP at once, the host's loopback at 10.0.2.2, no namespaces and no root. What is
 * tested here is the board; how it finds its server is for the lab.
 */
export function startUserGuest(options: UserGuestOptions): UserGuest {
  const netdev = options.network === false ? 'hubport,id=n0,hubid=0' : 'user,id=n0';
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a53'],
      ...['-m', String(options.memoryMiB ?? 512), '-nographic', '-nodefaults', '-no-reboot', '-serial', 'stdio'],
      ...['-monitor', 'none', '-kernel', options.kernel, '-initrd', options.initrd, '-append', options.append],
      ...['-netdev', netdev, '-device', 'virtio-net-device,netdev=n0'],
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
