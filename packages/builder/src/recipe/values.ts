import * as z from 'zod';
import { parseSize } from '@drover/documents';

const text = (pattern: RegExp, message: string, kind: string) => z.string().regex(pattern, message).meta({ kind });

/** A text that is right unless there is something to say against it. */
const unless = (kind: string, against: (value: string) => string | undefined) =>
  z
    .string()
    .meta({ kind })
    .superRefine((value, context) => {
      const message = against(value);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    });

/** Debian Policy 5.6.1, with an architecture, a version or a target release as apt takes them: `foo:armhf`, `foo=1.2-3`, `foo/bookworm-backports`. */
export const PackageName = text(
  /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?([=/][A-Za-z0-9.+:~-]+)?$/,
  'is not the name of a Debian package',
  'package, as `name`, `name=version` or `name/suite`',
);

/** As useradd takes it (shadow, NAME_REGEX of Debian). */
export const UserName = text(
  /^[a-z_][a-z0-9_-]{0,31}$/,
  'is not a user name of lower-case letters, digits, hyphens and underscores (32 at most)',
  'user name',
);

/** systemd.unit(5): a name with its type, also an instance of a template. */
export const UnitName = text(
  /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?(\.(service|socket|timer|path|mount|automount|swap|target|slice|device|scope))?$/,
  'is not the name of a systemd unit',
  'unit, as `ssh` or `fstrim.timer`',
);

const unsafe = (path: string): boolean => path.split('/').some((part) => part === '..' || part === '.');
const volatile = /^\/(proc|sys|dev|run|tmp)(\/|$)/;

/** Where something goes in the image. */
export const ImagePath = unless('path in the image, as /etc/motd', (path) => {
  if (!/^\/[^\0\n]{1,4095}$/.test(path)) return 'is not an absolute path like /etc/motd';
  if (path.endsWith('/') || path.includes('//') || unsafe(path)) return 'is not a path in its shortest form';
  return volatile.test(path) ? 'is in a folder that is empty when a system starts' : undefined;
});

/** A file beside the recipe. */
export const RecipePath = unless('path below the folder of the recipe, as files/motd', (path) => {
  if (path === '' || path.length > 4096) return 'is not a path';
  const leaves = path.startsWith('/') || path.includes('\0') || path.split('/').includes('..');
  return leaves ? 'is not below the folder of the recipe' : undefined;
});

/** chmod's octal digits. YAML reads them as a number, in which a leading zero is lost. */
export const Mode = z
  .union([z.string(), z.number()], { error: 'is not a mode' })
  .transform((value, context): string => {
    if (typeof value === 'string' && /^[0-7]{3,4}$/.test(value)) return value.padStart(4, '0');
    const message = typeof value === 'number' ? 'is a number, not a mode in quotes' : 'is not a mode of octal digits';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .meta({ kind: "mode in quotes, as '0644'" });

const MiB = 1024 * 1024;

/** Bytes; whole MiB, as partitions begin and end there. */
export const PartitionSize = z
  .union([z.string(), z.number()], { error: 'is not a size' })
  .transform((value, context): number => {
    const bytes = parseSize(String(value));
    if (bytes !== undefined && bytes > 0 && bytes % MiB === 0) return bytes;
    const message = bytes === undefined ? 'is not a size' : 'is not a whole number of MiB';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .meta({ kind: 'size of whole MiB, as 512MiB or 2GiB' });

/** crypt(5): what stands in /etc/shadow. */
export const PasswordHash = unless('hash as `mkpasswd` makes it, or * for none', (hash) =>
  /^(\*|!|\$(y|gy|7|6|5|2b)\$[./A-Za-z0-9,=$-]{20,})$/.test(hash)
    ? undefined
    : 'is not a hash: a password must not stand in a recipe',
);

const publicKey = /(^|\s)(ssh-(ed25519|rsa)|ecdsa-sha2-\S+|sk-(ssh|ecdsa)\S+) AAAA[A-Za-z0-9+/]+=*(\s[^\n]*)?$/;

/** A line of authorized_keys (sshd(8)), with options or without. */
export const AuthorizedKey = unless('public key, as `ssh-ed25519 AAAA... name`', (line) => {
  if (line.includes('PRIVATE KEY')) return 'is a private key, which must not leave its owner';
  return publicKey.test(line) ? undefined : 'is not a public key of OpenSSH';
});

/** The second field of a line of tzdata's tables. */
export const TimeZone = text(
  /^[A-Z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/,
  'is not a time zone',
  'zone, as Europe/Berlin',
);
export const Locale = text(
  /^([a-z]{2,3}(_[A-Z]{2})?|C|POSIX)(\.UTF-8)?(@[a-z]+)?$/,
  'is not a locale',
  'locale, as en_GB.UTF-8',
);

/** A line of config.txt: the firmware cuts lines at 98 characters and gives up at what is not ASCII. */
export const ConfigLine = unless('line of config.txt', (line) => {
  if (line.includes('\n')) return 'is more than one line';
  if (!/^[\x20-\x7e\t]*$/.test(line)) return 'holds a character that is not ASCII';
  return line.length > 98 ? `has ${line.length} characters, and the firmware reads 98` : undefined;
});
