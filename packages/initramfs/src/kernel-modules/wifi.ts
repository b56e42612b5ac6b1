/** Drivers of radios: those on the boards, and common adapters on USB. A kernel without any of them has no Wi-Fi here. */
export const radioModules: readonly string[] = [
  ...['brcmfmac', 'brcmfmac_wcc', 'brcmfmac_cyw'],
  ...['rtl8xxxu', 'rtl8192cu', '8188eu', '8192cu', 'r8188eu', 'r8712u'],
  ...['ath9k_htc', 'carl9170', 'mt7601u', 'mt76x0u', 'mt76x2u', 'rt2800usb'],
];

/**
 * Kernel modules of Wi-Fi, in the order of loading. Ciphers are asked for by name when a network lets a radio in, which no dependency tells; the pins and the
 * power sequence switch on the chip of a board.
 */
export const wifiModules: readonly string[] = [
  ...['gpio_raspberrypi_exp', 'gpio_brcmstb', 'pwrseq_simple'],
  ...['aes_generic', 'arc4', 'ctr', 'ccm', 'gcm', 'cmac', 'michael_mic'],
  ...['rfkill', 'cfg80211', 'mac80211'],
  ...radioModules,
];
