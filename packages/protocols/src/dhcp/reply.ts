import { broadcastFlag, type DhcpMessage } from './codec.js';
import { anyAddress } from './ipv4.js';
import { address, messageType, option, u8, type DhcpOptions } from './options.js';

/** What a reply adds to the request it answers. */
export interface ReplyParts {
  readonly type: 'offer' | 'ack' | 'nak';
  /** Our address on the client's network, option 54. */
  readonly server: string;
  readonly ciaddr?: string;
  readonly yiaddr?: string;
  readonly siaddr?: string;
  readonly sname?: string;
  readonly file?: string;
  readonly broadcast?: boolean;
  readonly options: readonly (readonly [code: number, value: Uint8Array])[];
}

/** A reply with the fields RFC 2131 table 3 copies from the request, option 82 included (RFC 3046 section 2.2). */
export function replyTo(request: DhcpMessage, parts: ReplyParts): DhcpMessage {
  const relay = request.options.get(option.relayAgent);
  const options: DhcpOptions = new Map([
    [option.messageType, u8(messageType[parts.type])],
    [option.serverIdentifier, address(parts.server)],
    ...parts.options,
    ...(relay ? [[option.relayAgent, relay] as const] : []),
  ]);
  return {
    op: 'reply',
    htype: request.htype,
    hlen: request.hlen,
    hops: 0,
    xid: request.xid,
    secs: 0,
    flags: parts.broadcast ? request.flags | broadcastFlag : request.flags,
    ciaddr: parts.ciaddr ?? anyAddress,
    yiaddr: parts.yiaddr ?? anyAddress,
    siaddr: parts.siaddr ?? anyAddress,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: parts.sname ?? '',
    file: parts.file ?? '',
    options,
  };
}

/** How a reply travels (RFC 2131 section 4.1). */
export type ReplyRoute =
  | { readonly by: 'relay'; readonly address: string }
  | { readonly by: 'unicast'; readonly address: string }
  | { readonly by: 'broadcast' };

/**
 * To the relay when there is one, to the client's address when it has one, otherwise by broadcast. RFC 2131 lets a
 * server that cannot put an address into its ARP table broadcast what it might have sent to `yiaddr`.
 */
export function replyRoute(reply: DhcpMessage): ReplyRoute {
  if (reply.giaddr !== anyAddress) return { by: 'relay', address: reply.giaddr };
  const isNak = reply.options.get(option.messageType)?.[0] === messageType.nak;
  if (!isNak && reply.ciaddr !== anyAddress) return { by: 'unicast', address: reply.ciaddr };
  return { by: 'broadcast' };
}
