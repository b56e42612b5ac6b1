/** What a build fails for, unless its recipe allows it. Names are stable: they stand in recipes. */
export const lintChecks = {
  'host-keys': 'SSH host keys: every board would have the same ones.',
  'machine-id': 'A machine-id: every board would be the same machine.',
  'wifi-secret': 'The password of a wireless network.',
  'api-key': 'A private key, or a key of Drover or of a cloud.',
  'config-ascii': 'A byte of config.txt or cmdline.txt that is not ASCII: some firmware ignores everything after it.',
  'kernel-modules': 'A kernel without the modules or the device tree of its version.',
  'boot-file-size': 'A boot file that boards with an EEPROM before 2025-09-23 cannot load over TFTP.',
} as const satisfies Record<string, string>;

export type LintCheck = keyof typeof lintChecks;
