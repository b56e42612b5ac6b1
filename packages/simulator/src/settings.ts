import { isDottedQuad } from './addresses.js';
import type { EepromSettings, Quirks } from './types.js';

/** The vendor's defaults on a current bootloader (wire reference, sections 1, 3 and 4). */
export const defaultEeprom: EepromSettings = {
  date: '2025-11-05',
  DHCP_TIMEOUT: 45_000,
  DHCP_REQ_TIMEOUT: 4_000,
  TFTP_FILE_TIMEOUT: 30_000,
  TFTP_IP: '',
  TFTP_PREFIX: 0,
  TFTP_PREFIX_STR: '',
  PXE_OPTION43: 'Raspberry Pi Boot',
  DHCP_OPTION97: undefined,
  NET_BOOT_MAX_RETRIES: 0,
  ENABLE_SELF_UPDATE: 1,
  updateTimestamp: 0,
  HTTP_HOST: '',
  HTTP_PORT: 80,
  HTTP_PATH: '',
  bootMode: 'network',
  publicKey: undefined,
};

export const defaultQuirks: Quirks = {
  duplicateRequests: 0.25,
  romNeedsSpaces: true,
  romDeafMs: 0,
  fourccOrder: 'reversed',
  requestWithoutVendorClass: false,
  d0: false,
};

/** What changed with the date of the bootloader (EE release notes, as read in the wire reference). */
export interface BootloaderAbilities {
  readonly blockSize: 1024 | 1468;
  /** Last block number the client can count to; undefined once it rolls over to 0. */
  readonly lastBlock: number | undefined;
  readonly acknowledgesDuplicates: boolean;
  /** siaddr of the offer with the menu names the TFTP server. */
  readonly honoursSiaddr: boolean;
}

/** ISO dates compare as text. */
export const abilitiesOf = (date: string): BootloaderAbilities => ({
  blockSize: date >= '2022-10-03' ? 1468 : 1024,
  lastBlock: date >= '2025-09-23' ? undefined : 65_535,
  acknowledgesDuplicates: date >= '2021-02-01',
  honoursSiaddr: date >= '2019-10-08',
});

const requireThat = (holds: boolean, message: string): void => {
  if (!holds) throw new RangeError(message);
};

/**
 * The vendor's defaults with these changes.
 * @throws RangeError naming the key the vendor's bootloader would not take.
 */
export const eepromWith = (changes: Partial<EepromSettings> = {}): EepromSettings => {
  const settings = { ...defaultEeprom, ...changes };
  requireThat(/^\d{4}-\d{2}-\d{2}$/.test(settings.date), `date must be YYYY-MM-DD, not "${settings.date}"`);
  requireThat(settings.DHCP_TIMEOUT >= 5000, 'DHCP_TIMEOUT must be at least 5000');
  requireThat(settings.DHCP_REQ_TIMEOUT >= 500, 'DHCP_REQ_TIMEOUT must be at least 500');
  requireThat(settings.TFTP_FILE_TIMEOUT >= 5000, 'TFTP_FILE_TIMEOUT must be at least 5000');
  requireThat([0, 1, 2].includes(settings.TFTP_PREFIX), 'TFTP_PREFIX must be 0, 1 or 2');
  requireThat(settings.TFTP_PREFIX_STR.length <= 32, 'TFTP_PREFIX_STR must be at most 32 characters');
  const ip = settings.TFTP_IP;
  requireThat(ip === '' || isDottedQuad(ip), `TFTP_IP must be empty or a dotted quad, not "${ip}"`);
  return settings;
};
