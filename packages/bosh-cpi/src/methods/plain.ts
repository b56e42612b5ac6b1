import type { Carry } from '../dispatch.js';
import { CpiFailure } from '../failure.js';

/** Formats of `stemcell.MF`: an image of an SD card, or the name of an image that the server has. `img` is what stemcells for Bakery said. */
export const stemcellFormats = ['drover-image', 'drover-light', 'img'] as const;

/** The newest version of the contract that is spoken here; version 1 is, too. */
export const apiVersion = 2;

const refuse =
  (type: 'NotImplemented' | 'NotSupported', message: string): Carry =>
  async () => {
    throw new CpiFailure(type, message);
  };
const ownNetworks = refuse(
  'NotImplemented',
  'Networks are those of the place where the boards stand; there are none to make or to delete.',
);

/** Methods that ask no server, and need no settings. */
export const plainMethods: Readonly<Record<string, Carry>> = {
  info: async () => ({ api_version: apiVersion, stemcell_formats: stemcellFormats }),
  ping: async () => 'pong',
  create_network: ownNetworks,
  delete_network: ownNetworks,
  configure_networks: refuse('NotSupported', 'A board cannot get other networks: make the VM anew.'),
  current_vm_id: refuse('NotSupported', 'A director on a board cannot ask which board that is.'),
};
