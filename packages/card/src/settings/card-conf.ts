import { CardSettings, refusal, RefusedError } from '@drover/contract';

/** Lines of a card.conf by name. Names we do not know are kept: another Drover may. */
export type CardLines = ReadonlyMap<string, string>;

const remedies: Readonly<Record<string, string>> = {
  server: 'Write it in digits, with the port for boards, like http://192.0.2.1:8081: an initramfs resolves no names.',
  key: 'Make one with `drover key create NAME --role device`, and give it as it was shown.',
  device: 'Write the name or the id that `drover device list` shows.',
  hostname: 'Write lower-case letters, digits and hyphens, 63 at most.',
  address: 'Write it like 192.0.2.7/24; leave it out for DHCP.',
  gateway: 'Write the address of the router in the network of the board, like 192.0.2.1.',
  dns: 'Write addresses, not names: 192.0.2.53,198.51.100.53.',
  vlan: 'Write the number that the switch knows the VLAN by, 1 to 4094.',
};

/** Throws RefusedError that names each value a card cannot hold, without the value: it may be a key. */
export function requireSettings(settings: CardSettings): CardSettings {
  const checked = CardSettings.safeParse(settings);
  if (checked.success) return settings;
  // The first thing wrong with each: what else is wrong follows from it.
  const first = new Map(checked.error.issues.toReversed().map(({ path, message }) => [String(path[0]), message]));
  const errors = [...first].map(([field, message]) => {
    const remedy = remedies[field];
    return { field, message, ...(remedy === undefined ? {} : { remedy }) };
  });
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  const [remedy] = errors.flatMap((each) => each.remedy ?? []);
  throw new RefusedError(
    refusal('request.invalid', `${detail}.`, { errors, ...(remedy === undefined ? {} : { remedy }) }),
  );
}

const linePattern = /^([a-z][a-z0-9_-]{0,63})=([ -~]*)$/;

const unreadable = (number: number, why: string): RefusedError =>
  new RefusedError(
    refusal('card.disk-refused', `drover/card.conf of the card cannot be kept: line ${number} ${why}.`, {
      remedy: 'Mend the file, or leave all of it with --forget.',
    }),
  );

/** Reads what {@link cardConfText} wrote. Empty lines and those that begin with `#` are left out. */
export function parseCardConf(text: string): CardLines {
  const lines = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, value] = linePattern.exec(line) ?? [];
    if (name === undefined || value === undefined) throw unreadable(index + 1, 'is not name=value');
    if (lines.has(name)) throw unreadable(index + 1, `names ${name} again`);
    lines.set(name, value);
  }
  return lines;
}

export const cardConfText = (lines: CardLines): string =>
  [...lines].map(([name, value]) => `${name}=${value}\n`).join('');
