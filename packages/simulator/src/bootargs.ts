/** The kernel command line as the firmware completes it: its own parameters first, then cmdline.txt with `serial0` resolved. */
import { overlayNames } from './kernel-choice.js';
import type { BoardIdentity } from './identity.js';
import type { ConfigEntry } from './types.js';

const ownParameters: Readonly<Record<string, string>> = {
  bcm2837: '8250.nr_uarts=0',
  bcm2711: 'coherent_pool=1M 8250.nr_uarts=0',
  bcm2712: 'reboot=w coherent_pool=1M 8250.nr_uarts=1 pci=pcie_bus_safe',
};

const memoryParameters: Readonly<Record<string, string>> = {
  bcm2837: 'vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000',
  bcm2711: 'vc_mem.mem_base=0x3eb00000 vc_mem.mem_size=0x3ff00000',
  bcm2712: 'vc_mem.mem_base=0x3fc00000 vc_mem.mem_size=0x40000000',
};

/** Overlays that give the good serial port back to the header pins. */
const freesFirstPort = ['disable-bt', 'miniuart-bt', 'pi3-disable-bt', 'pi3-miniuart-bt'];

const consoleOf = (identity: BoardIdentity, config: readonly ConfigEntry[]): string => {
  const freed = overlayNames(config).some((name) => freesFirstPort.includes(name));
  return freed && identity.model.serialConsole === 'ttyS0' ? 'ttyAMA0' : identity.model.serialConsole;
};

export const bootargsOf = (identity: BoardIdentity, cmdline: string, config: readonly ConfigEntry[]): string => {
  const { chip } = identity.model;
  const resolved = cmdline.replace(/(?<=^|\s)(console|kgdboc)=serial0\b/g, `$1=${consoleOf(identity, config)}`);
  const mac = `smsc95xx.macaddr=${identity.mac.toUpperCase()}`;
  return [ownParameters[chip], mac, memoryParameters[chip], resolved].join(' ').trim();
};
