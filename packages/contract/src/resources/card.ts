import * as z from 'zod';
import { DeviceId, Name } from '../primitives.js';

/** Printable ASCII without a space at either end: a value of `drover/card.conf` has no quotes around it. */
const word = (what: string, most: number) =>
  z
    .string()
    .max(most, `is longer than ${most} characters`)
    .regex(/^[!-~]([ -~]*[!-~])?$/, `is not ${what} in printable ASCII`);

/** IPv4 in digits. */
const octet = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = `${octet}(\\.${octet}){3}`;
const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);

/** `name=value` lines in `drover/card.conf` on the boot partition of a card: what a card tells its board, whatever image is on it. */
export const CardSettings = z
  .object({
    /** Where the board asks: in digits, as an initramfs resolves no names. `https` is for cards that update themselves, beside the authority in `drover/card.ca`. */
    server: z
      .string()
      .max(64)
      .regex(/^https?:\/\/(\d{1,3}\.){3}\d{1,3}(:\d{1,5})?$/, 'is not an address like http://192.0.2.1:8081'),
    /** An API key of the least role that will do. */
    key: word('a key', 256).regex(/^\S+$/, 'has a space in it'),
    /** Which device the board is: its id or name. */
    device: z.union([DeviceId, Name], 'is not a name or id of a device'),
    hostname: Name,
    /** The board's own address, with the length of its network's prefix: no DHCP server is asked. */
    address: z
      .string()
      .regex(whole(`${ipv4}/([1-9]|[12]\\d|30)`), 'is not an address with the length of its prefix, like 192.0.2.7/24'),
    /** Of that network. */
    gateway: z.string().regex(whole(ipv4), 'is not an IPv4 address'),
    /** Name servers, with commas. */
    dns: z.string().regex(whole(`${ipv4}(,${ipv4}){0,2}`), 'is not one to three IPv4 addresses with commas'),
    /** IEEE 802.1Q: the network on the cable that the board is in. */
    vlan: z.string().regex(/^([1-9]\d{0,2}|[1-3]\d{3}|40[0-8]\d|409[0-4])$/, 'is not a number from 1 to 4094'),
  })
  .partial();
export type CardSettings = z.infer<typeof CardSettings>;

/** Keys that sign what self-updating cards are told, each as a file that signify(1) reads: a comment, and a line of base64. */
export const CardKeys = z.object({
  publicKey: z.string(),
  /** Announced by answers that the first one signs; null: none. */
  next: z.string().nullable(),
});
export type CardKeys = z.infer<typeof CardKeys>;

export const CardKeyRoll = z.object({
  /** The next key signs from now on, instead of making one. */
  finish: z.boolean().default(false),
});
export type CardKeyRoll = z.infer<typeof CardKeyRoll>;
