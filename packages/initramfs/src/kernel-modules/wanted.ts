/**
 * Kernel modules a network boot may need, by name. What a kernel has built in or does not have at all is left out; what these
 * need comes along. Order is the order of loading: buses and what sits on them first, PHY drivers before the cards that look for
 * theirs once, so that nothing has to be asked for again.
 */
export const requiredModules = ['loop', 'squashfs', 'overlay'] as const;

/** Besides those, for a root on a network block device. */
export const attachModules = ['nbd', 'ext4'] as const;

/** Besides those, for a card that the board updates: its boot partition, and the partition it makes. */
export const cardModules = ['mmc_block', 'vfat', 'ext4'] as const;

const buses = [
  // Pi 4, CM4: PCIe with the USB controller; its firmware is loaded through the mailbox.
  ...['clk_raspberrypi', 'reset_raspberrypi', 'pcie_brcmstb', 'bcm2835_power', 'raspberrypi_power'],
  // Pi 5: the RP1 behind PCIe holds Ethernet and USB.
  ...['irq_bcm2712_mip', 'clk_rp1', 'pinctrl_rp1', 'rp1', 'rp1_pci'],
  ...['usb_common', 'usbcore', 'roles', 'udc_core', 'phy_generic', 'dwc2', 'dwc3', 'xhci_hcd'],
  ...['xhci_pci_renesas', 'xhci_pci', 'xhci_plat_hcd', 'ehci_hcd', 'ehci_pci', 'ehci_platform'],
];

const phys = [
  ...['mdio_bcm_unimac', 'mdio_bcm_iproc', 'mdio_devres', 'of_mdio', 'fixed_phy'],
  ...['bcm_phy_lib', 'broadcom', 'bcm54140', 'bcm7xxx', 'smsc', 'microchip', 'microchip_t1', 'realtek', 'ax88796b'],
];

const cards = [
  // On the boards: 3B, 3B+, 4, 5.
  ...['smsc95xx', 'lan78xx', 'genet', 'macb'],
  // Common adapters on USB and on boards around a compute module.
  ...['usbnet', 'smsc75xx', 'r8152', 'r8153_ecm', 'ax88179_178a', 'asix', 'cdc_ether', 'cdc_ncm', 'cdc_subset'],
  ...['rndis_host', 'lan743x', 'r8169', 'igb', 'e1000e'],
  // Machines that are not Pis, and the lab.
  ...['virtio_mmio', 'virtio_pci', 'virtio_net', 'e1000'],
];

const others = [
  'af_packet',
  // A network that is a VLAN on the cable.
  '8021q',
  // For a kernel that is told to log to the server; the runtime loads it once the network is up.
  'netconsole',
  // Roots on network block devices: the checksums are asked for by name when ext4 is mounted, which no dependency tells.
  ...['crc32c_generic', 'libcrc32c', ...attachModules],
];

/** Disks that a root may be on without a network: cards, USB, NVMe, and those of machines in the lab. */
const disks = [
  ...[
    'mmc_core',
    'sdhci',
    'sdhci_pltfm',
    'sdhci_iproc',
    'sdhci_brcmstb',
    'bcm2835',
    'bcm2835_mmc',
    'bcm2835_sdhost',
    'mmc_block',
  ],
  ...['sd_mod', 'usb_storage', 'uas', 'nvme', 'virtio_blk'],
  // The FAT partition of a card, whatever code pages a kernel takes by default: it asks for them by name when one is mounted.
  ...['nls_cp437', 'nls_ascii', 'nls_iso8859_1', 'nls_utf8', 'fat', 'vfat'],
  // Restarts a board whose firmware does not: what a kernel on trial hangs in, and QEMU's boards at any restart.
  'bcm2835_wdt',
  // Of a virtual machine.
  'i6300esb',
];

export const wantedModules: readonly string[] = [...requiredModules, ...buses, ...phys, ...cards, ...others, ...disks];
