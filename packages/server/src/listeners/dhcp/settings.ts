import { raspberryPiOuis } from '@drover/protocols/dhcp';
import type { DhcpSettings } from './types.js';

/**
 * Proxy mode on the standard ports. The delay for the 3B's ROM is the known cure for its locking up when two answers come
 * close together. U-Boot takes the first OFFER whatever is in it, so the one with an address has to come first.
 */
export const defaultDhcpSettings: Omit<DhcpSettings, 'interfaces'> = {
  mode: 'proxy',
  ports: { server: 67, client: 68, pxe: 4011 },
  relay: 'off',
  delaysMs: { rom: 1500, uboot: 1000 },
  decideTimeoutMs: 1000,
  pending: 1024,
  ouis: raspberryPiOuis,
};
