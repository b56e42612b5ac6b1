import { parse } from 'smol-toml';
import * as z from 'zod';
import {
  AuthorizedKey,
  firstBootLimits,
  HostName,
  Keymap,
  PasswordHash,
  TimeZone,
  UserName,
  type FieldError,
} from '@drover/contract';
import type { Draft, Read } from './read.js';
import { told } from './told.js';

/** What is written as an empty text is not said, as for the vendor's own program. */
const unlessEmpty = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const oneLine = (bytes: number) =>
  z
    .string()
    .regex(/^\P{Cc}*$/u, 'holds control characters')
    .refine((value) => Buffer.byteLength(value) <= bytes, `is longer than ${bytes} bytes`);

const flag = z.boolean('is not true or false').optional();

/** Sections and keys of version 1, as init_config of raspberrypi-sys-mods reads them. */
const sections = {
  system: z.looseObject({ hostname: unlessEmpty(HostName) }),
  user: z.looseObject({
    name: unlessEmpty(UserName),
    // Longer ones openssl cuts, without an error.
    password: unlessEmpty(oneLine(255)),
    password_encrypted: flag,
  }),
  ssh: z.looseObject({
    enabled: flag,
    password_authentication: flag,
    authorized_keys: z.array(AuthorizedKey, 'is not a list of keys').max(firstBootLimits.keys).optional(),
  }),
  wlan: z.looseObject({
    ssid: unlessEmpty(oneLine(32)),
    password: unlessEmpty(z.string().max(64)),
    password_encrypted: flag,
    hidden: flag,
    country: unlessEmpty(z.string().regex(/^[A-Z]{2}$/, 'is not a country of two capitals like CH')),
  }),
  locale: z.looseObject({ keymap: unlessEmpty(Keymap), timezone: unlessEmpty(TimeZone) }),
};

const CustomToml = z.looseObject({
  config_version: z.literal(1, 'is not 1, the only version there is').optional(),
  system: sections.system.optional(),
  user: sections.user.optional(),
  ssh: sections.ssh.optional(),
  wlan: sections.wlan.optional(),
  locale: sections.locale.optional(),
});

/** How plain secrets become what may be kept. */
export interface Secrets {
  readonly hashPassword: (password: string) => Promise<string>;
  /** 64 hex digits of an SSID and a passphrase. */
  readonly wpaKey: (ssid: string, passphrase: string) => string;
}

/** Reads a custom.toml. Nothing it holds ends in a throw but a fault of `secrets`. */
export async function readCustomToml(text: string, secrets: Secrets): Promise<Read> {
  const parsed = parseToml(text);
  if ('errors' in parsed) return parsed;
  const checked = CustomToml.safeParse(parsed.values);
  if (!checked.success) {
    return { errors: checked.error.issues.map(({ path, message }) => wrong(path.join('.'), message)) };
  }
  const { system, user, ssh, wlan, locale } = checked.data;
  const errors: FieldError[] = [];
  const warnings = unknownKeys(parsed.values);
  if (checked.data.config_version === undefined) warnings.push('config_version is missing: taken as 1');
  const users = user === undefined ? undefined : await userOf(user, secrets, errors);
  const network = wlan === undefined ? undefined : wlanOf(wlan, secrets, errors);
  const draft: Draft = {
    hostname: system?.hostname,
    timezone: locale?.timezone,
    keymap: locale?.keymap,
    sshEnabled: ssh?.enabled,
    sshPasswordAuthentication: ssh?.password_authentication,
    authorizedKeys: ssh?.authorized_keys,
    users,
    wlan: network,
  };
  return errors.length > 0 ? { errors } : { draft, warnings };
}

const wrong = (key: string, message: string, remedy?: string): FieldError => ({
  field: key === '' ? 'customToml' : `customToml.${key}`,
  message,
  ...(remedy === undefined ? {} : { remedy }),
});

function parseToml(text: string): { readonly values: Record<string, unknown> } | { readonly errors: FieldError[] } {
  try {
    return { values: parse(text, { maxDepth: 16 }) };
  } catch (error) {
    const [first = ''] = (error as Error).message.split('\n');
    const { line } = error as { line?: unknown };
    const where = typeof line === 'number' ? ` in line ${line}` : '';
    return {
      errors: [
        wrong('', `is no TOML${where}: ${told(first)}`, 'Mend the file, or make it anew with Raspberry Pi Imager.'),
      ],
    };
  }
}

/** The vendor's program reads no more either, and says so. */
function unknownKeys(values: Record<string, unknown>): string[] {
  const known = new Map<string, readonly string[]>(
    Object.entries(sections).map(([name, schema]) => [name, Object.keys(schema.shape)]),
  );
  return Object.entries(values).flatMap(([name, value]) => {
    if (name === 'config_version') return [];
    const keys = known.get(name);
    if (keys === undefined || typeof value !== 'object' || value === null)
      return [`${told(name)} is no section of a custom.toml: nothing is done with it`];
    return Object.keys(value)
      .filter((key) => !keys.includes(key))
      .map((key) => `${name}.${told(key)} is not read here: nothing is done with it`);
  });
}

/** The vendor renames the first user; without a password it is locked. */
async function userOf(
  { name, password, password_encrypted: encrypted = true }: z.infer<typeof sections.user>,
  { hashPassword }: Secrets,
  errors: FieldError[],
): Promise<Draft['users']> {
  if (name === undefined) {
    if (password !== undefined) errors.push(wrong('user.name', 'is missing', 'Say whose password it is.'));
    return undefined;
  }
  if (encrypted && password !== undefined && !PasswordHash.safeParse(password).success) {
    const remedy = 'Write what `openssl passwd -6` prints, or password_encrypted = false below it.';
    errors.push(wrong('user.password', 'is not the hash of a password', remedy));
    return undefined;
  }
  const passwordHash = password === undefined || encrypted ? password : await hashPassword(password);
  return [{ name, passwordHash, sudo: true, takesOver: true }];
}

function wlanOf(
  { ssid, password, password_encrypted: encrypted = true, hidden, country }: z.infer<typeof sections.wlan>,
  { wpaKey }: Secrets,
  errors: FieldError[],
): Draft['wlan'] {
  if (ssid === undefined) {
    if (password !== undefined) errors.push(wrong('wlan.ssid', 'is missing', 'Name the network of this password.'));
    return country === undefined ? undefined : { country };
  }
  const form = encrypted ? /^[0-9a-fA-F]{64}$/ : /^[\x20-\x7e]{8,63}$/;
  if (password !== undefined && !form.test(password)) {
    const what = encrypted ? 'is not a key of 64 hex digits' : 'is not a passphrase of 8 to 63 printable characters';
    errors.push(wrong('wlan.password', what, 'See the line password_encrypted, which says what it is.'));
    return undefined;
  }
  const psk = password === undefined ? undefined : encrypted ? password.toLowerCase() : wpaKey(ssid, password);
  return { ssid, psk, hidden, country };
}
