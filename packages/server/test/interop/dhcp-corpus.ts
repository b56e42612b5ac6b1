import { readFileSync } from 'node:fs';

const file = new URL('../../../protocols/src/dhcp/corpus/messages.hex', import.meta.url);
const lines = readFileSync(file, 'utf8').split('\n');

/** A captured DHCP message by its name in the corpus of the protocols package. */
export function corpus(name: string): Uint8Array {
  const hex = lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  if (hex === undefined) throw new Error(`no message ${name} in ${file.pathname}`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
