import { fileFields, isRaspberryPiClient, menuFields, pxeIdentity, type BootAnswer } from './boot-fields.js';
import type { DhcpMessage } from './codec.js';
import { anyAddress } from './ipv4.js';
import { readMessageType } from './options.js';
import type { Recognised } from './recognise.js';
import { replyTo } from './reply.js';

/** How a boot client is to be answered beside another DHCP server. */
export interface ProxyPolicy {
  /** Our address on the client's network. */
  readonly server: string;
  /** The port the request came to: 67, or the PXE port 4011. */
  readonly door: 'dhcp' | 'pxe';
  readonly boot: BootAnswer;
}

export type ProxyReply =
  { readonly ok: true; readonly reply: DhcpMessage } | { readonly ok: false; readonly why: string };

const nothing = (why: string): ProxyReply => ({ ok: false, why });

/**
 * The answer of a proxy DHCP server: says where to boot from, never hands out an address (PXE 2.1 section 2.2).
 *
 * A Raspberry Pi is told at DISCOVER and asks nothing more. iPXE and U-Boot get boot file and server at DISCOVER, too.
 * UEFI is only told that we are a boot server; it then asks port 4011 and gets the file there, which is the one way all
 * its versions agree on.
 */
export function proxyOffer(request: DhcpMessage, client: Recognised, policy: ProxyPolicy): ProxyReply {
  if (client.kind === 'other') return nothing('not a boot client');
  const type = readMessageType(request.options);
  if (policy.door === 'pxe') {
    return type === 'request' || type === 'inform' ? ackOnPxePort(request, client, policy) : nothing(`${type} on 4011`);
  }
  return type === 'discover' ? offer(request, client, policy) : nothing(`${type ?? 'no message type'} is not for us`);
}

function offer(request: DhcpMessage, client: Recognised, { server, boot }: ProxyPolicy): ProxyReply {
  const parts = { type: 'offer', server, broadcast: true } as const;
  if (isRaspberryPiClient(client)) {
    // siaddr stays empty: ROM and bootcode.bin ignore it, the others fall back to option 54, which is us.
    return { ok: true, reply: replyTo(request, { ...parts, ...menuFields(request, anyAddress) }) };
  }
  if (boot.bootFile === undefined) return nothing('no boot file for this client');
  if (client.kind === 'edk2') {
    return { ok: true, reply: replyTo(request, { ...parts, siaddr: server, options: pxeIdentity(request) }) };
  }
  return { ok: true, reply: replyTo(request, { ...parts, ...fileFields(request, client, boot, server) }) };
}

function ackOnPxePort(request: DhcpMessage, client: Recognised, { server, boot }: ProxyPolicy): ProxyReply {
  const hasAddress = request.ciaddr !== anyAddress;
  const parts = { type: 'ack', server, ciaddr: request.ciaddr, broadcast: !hasAddress } as const;
  if (isRaspberryPiClient(client)) {
    return { ok: true, reply: replyTo(request, { ...parts, ...menuFields(request, anyAddress) }) };
  }
  if (boot.bootFile === undefined) return nothing('no boot file for this client');
  return { ok: true, reply: replyTo(request, { ...parts, ...fileFields(request, client, boot, server) }) };
}
