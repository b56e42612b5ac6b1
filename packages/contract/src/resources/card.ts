import * as z from 'zod';
import { BootUrl, DeviceId, Name } from '../primitives.js';

/** Printable ASCII without a space at either end: a value of `drover/card.conf` has no quotes around it. */
const word = (what: string, most: number) =>
  z
    .string()
    .max(most, `is longer than ${most} characters`)
    .regex(/^[!-~]([ -~]*[!-~])?$/, `is not ${what} in printable ASCII`);

/** `name=value` lines in `drover/card.conf` on the boot partition of a card: what a card tells its board, whatever image is on it. */
export const CardSettings = z
  .object({
    /** Where the board asks. */
    server: BootUrl,
    /** An API key of the least role that will do. */
    key: word('a key', 256).regex(/^\S+$/, 'has a space in it'),
    /** Which device the board is: its id or name. */
    device: z.union([DeviceId, Name], 'is not a name or id of a device'),
    hostname: Name,
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
