import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tools } from '@drover/tools';

/** Discard, RFC 863: nobody listens, and a machine that is there says so (ICMP port unreachable). */
const port = 9;
/** The kernel asks for an address that it does not know three times, a second apart (arp(7)). */
const patienceMs = 5_000;
const lookMs = 250;

/**
 * Whether a machine of our segment has the address now: it says so itself, or it answers ARP. What the kernel believes of it, for up to three quarters of a minute, is forgotten
 * first, so that everybody is asked by broadcast: a switch may have been told that it is elsewhere. That takes root.
 */
export async function isAnswering(tools: Tools, address: string, arpFile = '/proc/net/arp'): Promise<boolean> {
  await tools.run('ip', ['neigh', 'flush', 'to', address]);
  const socket = createSocket('udp4');
  let refused = false;
  // EHOSTUNREACH says the opposite: nobody has the address.
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (refused ||= code === 'ECONNREFUSED'));
  try {
    await new Promise<void>((resolve) => socket.connect(port, address, () => resolve()));
    const until = Date.now() + patienceMs;
    while (Date.now() < until) {
      socket.send(Buffer.from('drover'));
      await sleep(lookMs);
      if (refused || (await isNeighbour(address, arpFile))) return true;
    }
    return false;
  } finally {
    socket.close();
  }
}

/** Flags of a complete entry hold 0x2 (linux/if_arp.h, ATF_COM). */
async function isNeighbour(address: string, arpFile: string): Promise<boolean> {
  const table = await readFile(arpFile, 'utf8').catch(() => '');
  const line = table.split('\n').find((each) => each.startsWith(`${address} `));
  const flags = line?.trim().split(/\s+/)[2];
  return flags !== undefined && (Number.parseInt(flags, 16) & 2) !== 0;
}
