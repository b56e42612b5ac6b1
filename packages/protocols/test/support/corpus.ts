import { readFileSync } from 'node:fs';

/** Packets of a corpus file by name: one a line, name and hex bytes; lines with # are remarks. */
export function corpus(file: URL): ReadonlyMap<string, Uint8Array> {
  const lines = readFileSync(file, 'utf8').split('\n');
  const entries = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, Uint8Array] => {
      const [name = '', hex = ''] = line.split(' ');
      return [name, Uint8Array.from(Buffer.from(hex, 'hex'))];
    });
  return new Map(entries);
}

export const dhcpCorpus = corpus(new URL('../../src/dhcp/corpus/messages.hex', import.meta.url));
export const nbdCorpus = corpus(new URL('../../src/nbd/corpus/sessions.hex', import.meta.url));
export const tftpCorpus = corpus(new URL('../../src/tftp/corpus/packets.hex', import.meta.url));

/** A packet of a corpus. */
export function packet(of: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = of.get(name);
  if (!bytes) throw new Error(`no packet ${name} in the corpus`);
  return bytes;
}
