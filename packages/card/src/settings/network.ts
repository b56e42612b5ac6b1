import { refusal, RefusedError } from '@drover/contract';
import type { CardLines } from './card-conf.js';

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** Where an address of digits is in the network that `address/length` names; undefined for none of its boards: its first and last address. */
function placeIn(network: string, address: string): number | undefined {
  const [own = '', length = ''] = network.split('/');
  const size = 2 ** (32 - Number(length));
  const place = numberOf(address) - Math.floor(numberOf(own) / size) * size;
  return place > 0 && place < size - 1 ? place : undefined;
}

const ownOf = (network: string): string => network.replace(/\/.*/, '');

const refuse = (field: string, message: string, remedy: string): RefusedError =>
  new RefusedError(
    refusal('request.invalid', `${field} ${message}.`, { remedy, errors: [{ field, message, remedy }] }),
  );

/**
 * Throws RefusedError where lines that are well each by itself do not go together: gateway and name servers are for an address of the card's own, since DHCP
 * brings those of its.
 */
export function requireNetwork(lines: CardLines): void {
  const [address, gateway] = [lines.get('address'), lines.get('gateway')];
  for (const name of ['gateway', 'dns']) {
    if (lines.has(name) && address === undefined)
      throw refuse(name, 'is given without an address', 'Give --address too; a DHCP server tells its own.');
  }
  if (address === undefined) return;
  const lengths = 'Look at the length of the prefix: 24 is 255.255.255.0.';
  if (placeIn(address, ownOf(address)) === undefined)
    throw refuse('address', `${address} is the first or last of its network, which no board has`, lengths);
  if (gateway !== undefined && (placeIn(address, gateway) === undefined || gateway === ownOf(address)))
    throw refuse('gateway', `${gateway} is not another address in the network of ${address}`, lengths);
}
