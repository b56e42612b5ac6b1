import type { Device, DomainEvent, PowerDriverInfo, PowerState, PowerSupply } from '@drover/contract';

export const powerLooks = {
  on: { tone: 'ok', form: 'full', label: 'On' },
  off: { tone: 'plain', form: 'ring', label: 'Off' },
  starting: { tone: 'info', form: 'half', label: 'Starting' },
  unknown: { tone: 'plain', form: 'dashed', label: 'Not known' },
  unproven: { tone: 'warn', form: 'triangle', label: 'Not proved' },
} as const satisfies Record<PowerState, { tone: string; form: string; label: string }>;

export const powerTexts: Readonly<Record<PowerState, string>> = {
  on: 'It has power.',
  off: 'It has no power.',
  starting: 'It was switched on, and nothing was heard of it yet.',
  unknown: 'Nobody has switched it yet, and nothing says whether it has power.',
  unproven: 'It was switched, and nothing shows that it did anything: is it plugged in where its values say?',
};

/** Whether somebody works with it: losing power may hurt. */
export const isInUse = ({ state }: Pick<Device, 'state'>): boolean =>
  ['preparing', 'in-use', 'releasing'].includes(state);

/** Values that were typed: those a driver needs, and others as `name=value`. */
export interface TypedSupply {
  readonly driver: string;
  readonly needed: Readonly<Record<string, string>>;
  readonly more: string;
}

/** `group=2 channel=0` as values; undefined where it cannot be read. */
export const readValues = (text: string): Readonly<Record<string, string>> | undefined => {
  const parts = text.split(/[,\s]+/).filter(Boolean);
  const read = parts.map((part) => /^([a-z][a-zA-Z0-9]{0,31})=(.{1,255})$/.exec(part));
  if (read.some((found) => found === null)) return undefined;
  return Object.fromEntries(read.flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? '']])));
};

/** What a form begins with, of what the board has. */
export const typedOf = (supply: PowerSupply | null, info: PowerDriverInfo | undefined): TypedSupply => {
  const values = supply !== null && supply.driver === info?.name ? supply.values : {};
  const needs = info?.needs ?? [];
  return {
    driver: info?.name ?? '',
    needed: Object.fromEntries(needs.map((name) => [name, values[name] ?? ''])),
    more: Object.entries(values)
      .filter(([name]) => !needs.includes(name))
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  };
};

/** What is to be asked for; undefined: something is missing or cannot be read. */
export const supplyOf = ({ driver, needed, more }: TypedSupply): PowerSupply | undefined => {
  const others = readValues(more);
  const isWhole = Object.values(needed).every((value) => value.trim() !== '');
  if (driver === '' || others === undefined || !isWhole) return undefined;
  const values = Object.fromEntries(Object.entries(needed).map(([name, value]) => [name, value.trim()]));
  return { driver, values: { ...others, ...values } };
};

/** Switches and failures of several lists, newest first. */
export const newestFirst = (lists: readonly (readonly DomainEvent[])[], most: number): readonly DomainEvent[] =>
  lists
    .flat()
    .sort((a, b) => (b.id ?? 0) - (a.id ?? 0))
    .slice(0, most);
