import * as z from 'zod';
import { Timestamp } from '../primitives.js';

/** They travel with what makes the board itself at each boot. */
export const firstBootLimits = {
  users: 16,
  keys: 64,
  groups: 32,
  documentBytes: 64 * 1024,
  /** All together, as JSON. */
  bytes: 256 * 1024,
} as const;

/** One line for people and files alike: nothing in it ends a line or a terminal's patience. */
const line = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^\P{Cc}+$/u, 'holds control characters');

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** A document of cloud-init as its writer has it. */
const Document = z
  .string()
  .min(1)
  .refine((text) => bytesOf(text) <= firstBootLimits.documentBytes, 'is more than 64 KiB')
  .refine((text) => !text.includes('\0'), 'holds a byte 0');

const accountName = /^[a-z_][a-z0-9_-]{0,31}$/;
export const UserName = z
  .string()
  .regex(accountName, 'is not a user name of lower-case letters, digits, _ and - (32 at most)');
const GroupName = z
  .string()
  .regex(accountName, 'is not a group name of lower-case letters, digits, _ and - (32 at most)');

/** crypt(5): what lies in /etc/shadow, never the password itself. */
export const PasswordHash = z
  .string()
  .max(400)
  .regex(
    /^\$[0-9a-z]{1,8}\$[A-Za-z0-9./$,=+-]{8,}$/,
    'is not a password hash as `openssl passwd -6` prints it ($6$...): give no plain password here',
  );

/** A line of authorized_keys. */
export const AuthorizedKey = line(8192).regex(
  /(^| )(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9-]+@openssh\.com) [A-Za-z0-9+/]{16,}={0,2}( |$)/,
  'is not a line of authorized_keys like: ssh-ed25519 AAAA... me@here',
);
const AuthorizedKeys = z.array(AuthorizedKey).max(firstBootLimits.keys);

/** A label, or several with dots; Linux takes 64 characters. */
export const HostName = z
  .string()
  .max(64)
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
    'is not a host name of letters, digits and hyphens',
  );

export const TimeZone = z
  .string()
  .max(64)
  .regex(/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/, 'is not a time zone like Europe/Zurich');

export const Locale = z
  .string()
  .max(48)
  .regex(/^[A-Za-z]{1,8}(_[A-Z]{2})?(\.[A-Za-z0-9-]{1,16})?(@[a-z]{1,16})?$/, 'is not a locale like de_CH.UTF-8');

/** A layout of XKB. */
export const Keymap = z.string().regex(/^[a-z][a-z0-9_-]{1,31}$/, 'is not a keyboard layout like gb or de');

export const FirstBootUser = z.strictObject({
  name: UserName,
  passwordHash: PasswordHash.optional(),
  authorizedKeys: AuthorizedKeys.default([]),
  /** May become root without a password. */
  sudo: z.boolean().default(false),
  shell: z
    .string()
    .max(200)
    .regex(/^(\/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+$/, 'is not a path like /bin/bash')
    .optional(),
  /** Further groups; those that the image has not are left out, and told. */
  groups: z.array(GroupName).max(firstBootLimits.groups).default([]),
  /** Takes the place of the image's own first user (uid 1000), as the vendor's programs do it, rather than to stand beside it. */
  takesOver: z.boolean().default(false),
});
export type FirstBootUser = z.infer<typeof FirstBootUser>;

const Wlan = z
  .strictObject({
    ssid: line(32)
      .refine((text) => bytesOf(text) <= 32, 'is longer than 32 bytes')
      .optional(),
    /** WPA pre-shared key; left out for an open network. */
    psk: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'is not a key of 64 hex digits, as `wpa_passphrase SSID` prints it')
      .optional(),
    hidden: z.boolean().default(false),
    country: z
      .string()
      .regex(/^[A-Z]{2}$/, 'is not a country of two capitals like CH')
      .optional(),
  })
  .refine(({ ssid, psk }) => ssid !== undefined || psk === undefined, { path: ['ssid'], message: 'is missing' });

/** What can be said by itself, whatever the image has to apply it. */
const settingsShape = {
  hostname: HostName.optional(),
  timezone: TimeZone.optional(),
  locale: Locale.optional(),
  keymap: Keymap.optional(),
  /** true: the image's SSH server is started; false or left out: as the image has it. */
  sshEnabled: z.boolean().optional(),
  sshPasswordAuthentication: z.boolean().optional(),
  /** Of the image's own first user (uid 1000), or of the one that takes its place. */
  authorizedKeys: AuthorizedKeys.optional(),
  users: z
    .array(FirstBootUser)
    .max(firstBootLimits.users)
    .refine((users) => new Set(users.map(({ name }) => name)).size === users.length, 'has a name twice')
    .refine((users) => users.filter(({ takesOver }) => takesOver).length <= 1, 'has two that take over')
    .optional(),
  wlan: Wlan.optional(),
};
export const firstBootFields = Object.keys(settingsShape) as (keyof typeof settingsShape)[];

/** As it is kept, and as boards get it: what was said in any of the forms. */
export const FirstBootSettings = z.strictObject({
  ...settingsShape,
  /** `user-data` and `network-config` of cloud-init, word for word. */
  userData: Document.optional(),
  networkConfig: Document.optional(),
  /** `meta-data` as a map. */
  metaData: z.record(z.string(), z.json()).optional(),
});
export type FirstBootSettings = z.infer<typeof FirstBootSettings>;

const formsSay = 'says the same in another form: give either the file or the fields';

/** One of three forms: fields, a `custom.toml`, or cloud-init's user-data. */
export const FirstBootPut = z
  .strictObject({
    ...settingsShape,
    /** As Raspberry Pi Imager writes it. */
    customToml: Document.optional(),
    userData: Document.optional(),
    metaData: Document.optional(),
    networkConfig: Document.optional(),
  })
  .superRefine((put, context) => {
    const fields = firstBootFields.filter((name) => put[name] !== undefined);
    const files = (['customToml', 'userData'] as const).filter((name) => put[name] !== undefined);
    if (files.length > 1 || (files.length === 1 && fields.length > 0))
      context.addIssue({ code: 'custom', path: [fields[0] ?? files[1] ?? ''], message: formsSay });
    if (Object.values(put).every((value) => value === undefined))
      context.addIssue({ code: 'custom', message: 'says nothing: give fields, customToml or userData' });
  });
export type FirstBootPut = z.infer<typeof FirstBootPut>;

/** As it is shown: no password hash and no key of a network to anybody, documents to operators only, since they may hold some. */
export const FirstBoot = z.object({
  ...settingsShape,
  users: z.array(FirstBootUser.omit({ passwordHash: true }).extend({ hasPassword: z.boolean() })).optional(),
  wlan: z
    .object({
      ssid: z.string().optional(),
      hidden: z.boolean(),
      country: z.string().optional(),
      hasPsk: z.boolean(),
    })
    .optional(),
  userData: z.string().optional(),
  metaData: z.record(z.string(), z.json()).optional(),
  networkConfig: z.string().optional(),
  /** Documents that are there and not shown to this key. */
  hidden: z.array(z.enum(['userData', 'metaData', 'networkConfig'])),
  /** What of the given file only an image with cloud-init does, or nobody. */
  warnings: z.array(z.string()),
  updatedAt: Timestamp,
});
export type FirstBoot = z.infer<typeof FirstBoot>;
