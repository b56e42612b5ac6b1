/** Reads what servers send, with a parser of the simulator's own (RFC 2131 section 2, RFC 2132). */

export type DhcpReplyType = 'offer' | 'ack' | 'nak';

/** A server's answer, as far as the firmware looks at it. Addresses are dotted quads; absent or 0.0.0.0 is undefined. */
export interface DhcpReply {
  readonly type: DhcpReplyType;
  readonly xid: number;
  readonly broadcast: boolean;
  readonly hops: number;
  readonly yiaddr?: string;
  readonly siaddr?: string;
  readonly giaddr?: string;
  readonly mac: string;
  readonly options: ReadonlyMap<number, Buffer>;
}

const replyTypes: Readonly<Record<number, DhcpReplyType>> = { 2: 'offer', 5: 'ack', 6: 'nak' };

const dotted = (bytes: Buffer): string | undefined => {
  const text = [...bytes].join('.');
  return text === '0.0.0.0' ? undefined : text;
};

/** Options up to the end mark; the first of two with one code wins. Undefined when one runs past the end of the packet. */
const readOptions = (bytes: Buffer): Map<number, Buffer> | undefined => {
  const options = new Map<number, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at] ?? 0xff;
    if (code === 0xff) return options;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) return undefined;
    if (!options.has(code)) options.set(code, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
};

/** A DHCP OFFER, ACK or NAK; undefined for anything else, however malformed. */
export const readReply = (packet: Buffer): DhcpReply | undefined => {
  if (packet.length < 240 || packet[0] !== 2 || packet.readUInt32BE(236) !== 0x63825363) return undefined;
  const options = readOptions(packet.subarray(240));
  const code = options?.get(53);
  const type = code?.length === 1 ? replyTypes[code[0] ?? 0] : undefined;
  if (options === undefined || type === undefined) return undefined;
  const yiaddr = dotted(packet.subarray(16, 20));
  const siaddr = dotted(packet.subarray(20, 24));
  const giaddr = dotted(packet.subarray(24, 28));
  return {
    type,
    xid: packet.readUInt32BE(4),
    broadcast: (packet[10] ?? 0) >= 0x80,
    hops: packet[3] ?? 0,
    ...(yiaddr === undefined ? {} : { yiaddr }),
    ...(siaddr === undefined ? {} : { siaddr }),
    ...(giaddr === undefined ? {} : { giaddr }),
    mac: [...packet.subarray(28, 34)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    options,
  };
};

/** True when this packet answers that board's transaction. */
export const answers = (reply: DhcpReply, xid: number, mac: string): boolean => reply.xid === xid && reply.mac === mac;

/** An option of four bytes as an address. */
export const addressOption = (reply: DhcpReply, code: number): string | undefined => {
  const value = reply.options.get(code);
  return value?.length === 4 ? dotted(value) : undefined;
};

/** Sub-options of option 43, padding skipped, up to the end mark or the first that does not fit. */
export const vendorSubOptions = (value: Buffer): ReadonlyMap<number, Buffer> => {
  const found = new Map<number, Buffer>();
  let at = 0;
  while (at < value.length) {
    const code = value[at] ?? 0xff;
    if (code === 0xff) break;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = value[at + 1];
    if (length === undefined || at + 2 + length > value.length) break;
    found.set(code, value.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return found;
};
