import { fillTemplate, parseTemplate, type Placeholder, type TemplatePart } from '../../../domain/power-template.js';
import type { PowerTarget } from '../../../app/power/ports.js';
import { boardValue, missingValue, unfit } from '../driver.js';

/** The settings were checked, so every text is a template. */
export const partsOf = (text: string): readonly TemplatePart[] => parseTemplate(text) ?? [text];

const valueFor = (target: PowerTarget, { name, instead }: Placeholder): string => {
  const value = boardValue(target, name) ?? instead;
  if (value === undefined) throw missingValue(name);
  return value;
};

const isInAuthority = (before: string): boolean => /^https?:\/\/[^/?#]*$/i.test(before);
const isInPath = (before: string): boolean => !/[?#]/.test(before);
const host = /^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?$/;

/** A host, or a part of the address that cannot become another part. */
const inUrl = (name: string, value: string, before: string): string => {
  const field = `power.values.${name}`;
  if (isInAuthority(before)) {
    if (!host.test(value))
      throw unfit(field, 'is not a host', 'Write a name or an address, with :port where it has one.');
    return value;
  }
  if (isInPath(before) && /^\.{1,2}$/.test(value))
    throw unfit(field, 'would lead to another path', 'Write something other than dots.');
  return encodeURIComponent(value);
};

export const filledUrl = (template: string, target: PowerTarget): URL => {
  const text = fillTemplate(partsOf(template), (placeholder, before) =>
    inUrl(placeholder.name, valueFor(target, placeholder), before),
  );
  if (!URL.canParse(text)) throw unfit('power.values', 'make no address of the driver’s URL', 'Look at host and port.');
  return new URL(text);
};

export const filledHeader = (template: string, target: PowerTarget): string =>
  fillTemplate(partsOf(template), (placeholder) => {
    const value = valueFor(target, placeholder);
    if (/^[\x20-\x7e]*$/.test(value)) return value;
    throw unfit(
      `power.values.${placeholder.name}`,
      'cannot stand in a header',
      'Write printable ASCII characters only.',
    );
  });

/** Whether the next character of a JSON text would be in a string. */
const isInString = (before: string): boolean => (before.replace(/\\./gs, '').match(/"/g)?.length ?? 0) % 2 === 1;

const inJson = (name: string, value: string, before: string): string => {
  if (isInString(before)) return JSON.stringify(value).slice(1, -1);
  if (/^(-?(0|[1-9]\d{0,15})(\.\d{1,15})?|true|false)$/.test(value)) return value;
  throw unfit(
    `power.values.${name}`,
    'is neither a number nor true or false',
    'The body of the driver has it without quotes.',
  );
};

export interface FilledBody {
  readonly text: string;
  readonly type: string;
}

/** A body, with values written as its type has them: JSON is told by its first character where no header names a type. */
export const filledBody = (template: string, type: string | undefined, target: PowerTarget): FilledBody => {
  const kind = (type ?? (/^\s*[[{]/.test(template) ? 'application/json' : 'text/plain; charset=utf-8')).toLowerCase();
  const text = fillTemplate(partsOf(template), (placeholder, before) => {
    const value = valueFor(target, placeholder);
    if (/^application\/(.*\+)?json\b/.test(kind)) return inJson(placeholder.name, value, before);
    return kind.startsWith('application/x-www-form-urlencoded') ? encodeURIComponent(value) : value;
  });
  return { text, type: type ?? kind };
};
