import { ipv4ToBytes, messageType, type DhcpMessage, type MessageTypeName } from '../../src/dhcp/index.js';

export interface Said {
  readonly type: MessageTypeName;
  readonly mac: string;
  readonly ciaddr?: string;
  readonly requested?: string;
  readonly server?: string;
  readonly options?: readonly (readonly [number, Uint8Array])[];
}

/** A client's message put together from the words of RFC 2131 table 5. */
export function clientMessage(said: Said): DhcpMessage {
  const chaddr = new Uint8Array(16);
  chaddr.set(said.mac.split(':').map((byte) => parseInt(byte, 16)));
  return {
    op: 'request',
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0x1234,
    secs: 0,
    flags: 0,
    ciaddr: said.ciaddr ?? '0.0.0.0',
    yiaddr: '0.0.0.0',
    siaddr: '0.0.0.0',
    giaddr: '0.0.0.0',
    chaddr,
    sname: '',
    file: '',
    options: new Map([
      [53, Uint8Array.of(messageType[said.type])],
      ...(said.requested === undefined ? [] : [[50, ipv4ToBytes(said.requested)] as const]),
      ...(said.server === undefined ? [] : [[54, ipv4ToBytes(said.server)] as const]),
      ...(said.options ?? []),
    ]),
  };
}
