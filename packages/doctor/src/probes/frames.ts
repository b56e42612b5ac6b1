/** Frames off the wire as values: what the doctor listens for, and nothing else. Reads with care: anybody on the segment can send any of it. */

export type Frame =
  | { readonly kind: 'bpdu'; readonly protocol: 'stp' | 'rstp' | 'mstp' | 'pvst'; readonly from: string }
  /** An ARP reply (RFC 826): who says an address is theirs. */
  | { readonly kind: 'arp'; readonly address: string; readonly mac: string }
  /** A client's DHCP message. */
  | { readonly kind: 'dhcp'; readonly mac: string; readonly boots: boolean; readonly relay: string | null };

const macAt = (bytes: Buffer, at: number): string =>
  [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
const addressAt = (bytes: Buffer, at: number): string => [...bytes.subarray(at, at + 4)].join('.');

/** By the version field of IEEE 802.1D-2004, 9.3.1, and of 802.1Q, 14.2. */
const trees: Readonly<Record<number, 'stp' | 'rstp' | 'mstp'>> = { 0: 'stp', 2: 'rstp', 3: 'mstp', 4: 'mstp' };

/** LLC 42:42:03 is spanning tree's; Cisco's per-VLAN tree comes by SNAP with 00:00:0c, 010b. */
const bpduOf = (llc: Buffer, from: string): Frame | undefined => {
  if (llc.length >= 7 && llc.readUIntBE(0, 3) === 0x424203 && llc.readUInt16BE(3) === 0) {
    const protocol = trees[llc[5] ?? 0];
    return protocol && { kind: 'bpdu', protocol, from };
  }
  return llc.length >= 8 && llc.readUIntBE(0, 3) === 0xaaaa03 && llc.readUIntBE(3, 5) === 0x00000c010b
    ? { kind: 'bpdu', protocol: 'pvst', from }
    : undefined;
};

const arpOf = (packet: Buffer): Frame | undefined =>
  packet.length >= 28 && packet.readUInt32BE(0) === 0x00010800 && packet.readUInt16BE(6) === 2
    ? { kind: 'arp', mac: macAt(packet, 8), address: addressAt(packet, 14) }
    : undefined;

const cookie = 0x63825363;

/** Whether option 60 says PXEClient, as every Raspberry Pi's firmware does. */
const isBootClient = (options: Buffer): boolean => {
  for (let at = 0; at + 1 < options.length && options[at] !== 0xff;) {
    const [code = 0, length = 0] = options.subarray(at, at + 2);
    if (code === 0) {
      at += 1;
      continue;
    }
    const value = options.subarray(at + 2, at + 2 + length);
    if (code === 60) return value.toString('latin1').startsWith('PXEClient');
    at += 2 + length;
  }
  return false;
};

const dhcpOf = (message: Buffer): Frame | undefined => {
  if (message.length < 240 || message[0] !== 1 || message[2] !== 6 || message.readUInt32BE(236) !== cookie)
    return undefined;
  const relay = addressAt(message, 24);
  return {
    kind: 'dhcp',
    mac: macAt(message, 28),
    boots: isBootClient(message.subarray(240)),
    relay: relay === '0.0.0.0' ? null : relay,
  };
};

/** IPv4 (RFC 791), UDP, to the DHCP server port; no fragments. */
const udpOf = (packet: Buffer): Frame | undefined => {
  const header = ((packet[0] ?? 0) & 0x0f) * 4;
  const isUdp = packet.length >= header + 8 && (packet[0] ?? 0) >> 4 === 4 && packet[9] === 17;
  const isWhole = isUdp && (packet.readUInt16BE(6) & 0x3fff) === 0;
  return isWhole && header >= 20 && packet.readUInt16BE(header + 2) === 67
    ? dhcpOf(packet.subarray(header + 8))
    : undefined;
};

const byProtocol = (protocol: number, payload: Buffer): Frame | undefined =>
  protocol === 0x0806 ? arpOf(payload) : protocol === 0x0800 ? udpOf(payload) : undefined;

/** A frame of an Ethernet, with or without one VLAN tag; undefined for all that is not listened for. */
export const readEthernet = (frame: Buffer): Frame | undefined => {
  if (frame.length < 18) return undefined;
  const tagged = frame.readUInt16BE(12) === 0x8100 ? 4 : 0;
  const type = frame.readUInt16BE(12 + tagged);
  const payload = frame.subarray(14 + tagged);
  return type <= 1500 ? bpduOf(payload, macAt(frame, 6)) : byProtocol(type, payload);
};

/** A frame as Linux gives it on all interfaces at once (LINKTYPE_LINUX_SLL2); `outgoing` ones are our own. */
export const readCooked = (
  frame: Buffer,
): { readonly index: number; readonly outgoing: boolean; readonly frame: Frame | undefined } | undefined =>
  frame.length < 20
    ? undefined
    : {
        index: frame.readUInt32BE(4),
        outgoing: frame[10] === 4,
        frame: byProtocol(frame.readUInt16BE(0), frame.subarray(20)),
      };

const largestFrame = 65_536;

/** Takes a capture file (pcap, little or big endian) apart as it comes; `take` gets each frame. */
export const createCaptureReader = (take: (frame: Buffer) => void): ((chunk: Buffer) => void) => {
  let rest = Buffer.alloc(0);
  let read: ((bytes: Buffer, at: number) => number) | undefined;
  let broken = false;

  const begin = (): boolean => {
    if (rest.length < 24) return false;
    const magic = rest.readUInt32LE(0);
    const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
    broken = !little && ![0xa1b2c3d4, 0xa1b23c4d].includes(rest.readUInt32BE(0));
    read = little ? (bytes, at) => bytes.readUInt32LE(at) : (bytes, at) => bytes.readUInt32BE(at);
    rest = rest.subarray(24);
    return !broken;
  };

  return (chunk) => {
    if (broken) return;
    rest = Buffer.concat([rest, chunk]);
    if (read === undefined && !begin()) return;
    while (read !== undefined && rest.length >= 16) {
      const length = read(rest, 8);
      broken = length > largestFrame;
      if (broken || rest.length < 16 + length) return;
      take(rest.subarray(16, 16 + length));
      rest = rest.subarray(16 + length);
    }
  };
};
