import { pbkdf2Sync } from 'node:crypto';
import { type FieldError, refusal, RefusedError } from '@drover/contract';

/** A wireless network as people write it down. */
export interface Wifi {
  readonly ssid: string;
  readonly password: string;
  /** ISO 3166 code: radios stay off until they know which channels are allowed. */
  readonly country: string;
}

/** What is wrong with a network, field by field. */
function wifiProblems({ ssid, password, country }: Wifi): FieldError[] {
  const bytes = Buffer.byteLength(ssid);
  const problems: (FieldError | undefined)[] = [
    bytes >= 1 && bytes <= 32 && !/\p{Cc}/u.test(ssid)
      ? undefined
      : {
          field: 'wifi-ssid',
          message: 'is not a name of 1 to 32 bytes',
          remedy: 'Write it as the access point shows it.',
        },
    /^[ -~]{8,63}$/.test(password) || isKey(password)
      ? undefined
      : {
          field: 'wifi-password',
          message: 'is not of 8 to 63 ASCII characters, nor a key of 64 hex digits',
          remedy: 'Open networks are not baked in: give the board a cable, or the network a password.',
        },
    /^[A-Z]{2}$/.test(country)
      ? undefined
      : { field: 'wifi-country', message: 'is not a country code', remedy: 'Write two capitals, such as DE or GB.' },
  ];
  return problems.filter((problem) => problem !== undefined);
}

const isKey = (password: string): boolean => /^[0-9a-fA-F]{64}$/.test(password);

/** The key of a network (IEEE 802.11-2020, J.4.1), so that the card does not hold the password itself, which may be in use elsewhere. */
export const presharedKey = (ssid: string, password: string): string =>
  isKey(password) ? password.toLowerCase() : pbkdf2Sync(password, ssid, 4096, 32, 'sha1').toString('hex');

/** In quotes where nothing in it could be taken for something else, else as hex digits, as wpa_supplicant takes both. */
const ssidText = (ssid: string): string =>
  /^[ !#-[\]-~]+$/.test(ssid) ? `"${ssid}"` : Buffer.from(ssid).toString('hex');

/** Throws RefusedError that names what is wrong. */
export function requireWifi(wifi: Wifi): void {
  const errors = wifiProblems(wifi);
  const [first] = errors;
  if (first !== undefined) {
    const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    const remedy = first.remedy === undefined ? {} : { remedy: first.remedy };
    throw new RefusedError(refusal('request.invalid', `${detail}.`, { errors, ...remedy }));
  }
}

/** `drover/wpa_supplicant.conf`. Throws as {@link requireWifi} does. */
export function wpaSupplicantText(wifi: Wifi): string {
  requireWifi(wifi);
  const { ssid, password, country } = wifi;
  const network = [`\tssid=${ssidText(ssid)}`, '\tscan_ssid=1', `\tpsk=${presharedKey(ssid, password)}`];
  return [`country=${country}`, 'network={', ...network, '}', ''].join('\n');
}

/** The name of the network in such a file, for people; undefined where it has none. */
export function ssidOf(text: string): string | undefined {
  const [, quoted, digits] = /^\s*ssid=(?:"(.*)"|([0-9a-fA-F]+))\s*$/m.exec(text) ?? [];
  return quoted ?? (digits === undefined ? undefined : Buffer.from(digits, 'hex').toString());
}
