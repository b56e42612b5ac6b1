import { readFile } from 'node:fs/promises';
import type { Neighbours } from '../../app/boot/plane/ports.js';

const columns = /^(\S+)\s+0x\w+\s+0x(\w+)\s+(\S+)/;
/** ATF_COM of the kernel's if_arp.h: the entry is resolved. */
const resolved = 0x2;

/** MAC behind an address in the text of /proc/net/arp (arp(7)). */
export function macInArpTable(table: string, address: string): string | undefined {
  for (const line of table.split('\n')) {
    const [, ip, flags, mac] = columns.exec(line) ?? [];
    if (ip === address && (Number.parseInt(flags!, 16) & resolved) !== 0) return mac!.toLowerCase();
  }
  return undefined;
}

/** The kernel's ARP table. Empty on machines without /proc. */
export const createNeighbours = (path = '/proc/net/arp'): Neighbours => ({
  macOf: async (address) => {
    const table = await readFile(path, 'utf8').catch(() => '');
    return macInArpTable(table, address);
  },
});
