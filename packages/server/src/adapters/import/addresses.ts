import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * This machine itself, its link, and nobody: services listen there that trust whoever can reach them (databases, the metadata of clouds). IANA's registries
 * of special-purpose addresses (RFC 6890) say which they are. Private networks are not among them: images are served there.
 */
const innermost = new BlockList();
innermost.addSubnet('0.0.0.0', 8, 'ipv4');
innermost.addSubnet('127.0.0.0', 8, 'ipv4');
innermost.addSubnet('169.254.0.0', 16, 'ipv4');
innermost.addSubnet('224.0.0.0', 3, 'ipv4');
innermost.addAddress('::', 'ipv6');
innermost.addAddress('::1', 'ipv6');
innermost.addSubnet('fe80::', 10, 'ipv6');
innermost.addSubnet('ff00::', 8, 'ipv6');

/** IPv4 in IPv6 clothes: mapped (RFC 4291, 2.5.5.2), with well-known NAT64 prefix (RFC 6052). */
const embedded = /^(?:::ffff:|64:ff9b::)(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;

const embeddedIpv4 = (address: string): string | undefined => {
  const [, dotted, high, low] = embedded.exec(address) ?? [];
  if (dotted !== undefined || high === undefined || low === undefined) return dotted;
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
};

/** Whether an IP address is one that only this machine or its link may mean. */
export const isInnermost = (address: string): boolean => {
  const bare = address.replace(/%.*$/, '');
  const inner = embeddedIpv4(bare);
  if (inner !== undefined) return isInnermost(inner);
  return innermost.check(bare, isIP(bare) === 6 ? 'ipv6' : 'ipv4');
};

/** A connection was refused because of where it would lead. */
export class InnermostAddressError extends Error {
  constructor(host: string, address: string) {
    super(host === address ? `${host} is this machine or its link` : `${host} is ${address}: this machine or its link`);
    this.name = 'InnermostAddressError';
  }
}

/** Resolves names for a socket, and refuses those that lead to this machine or its link: asked when it connects, so that no second answer differs. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, '', 0);
    const wrong = found.find(({ address }) => isInnermost(address));
    if (wrong !== undefined) return callback(new InnermostAddressError(hostname, wrong.address), '', 0);
    if (options.all === true) return callback(null, found);
    const [first] = found;
    return callback(null, first?.address ?? '', first?.family);
  });
};
