import type { BootConfigChange, BootDocument } from '@drover/contract';
import { textFromBase64, textToBase64 } from '../../api/base64.js';

/** Whose words a layer has, as people say it. */
export const layerText = (ref: string, device: string): string => {
  if (ref === 'default') return 'All boards';
  if (ref === `device:${device}`) return 'This board';
  if (ref.startsWith('group:')) return `Boards with ${ref.slice(6).replaceAll(',', ', ')}`;
  return ref.startsWith('card:') ? 'Its card, through CattlePi’s API' : ref;
};

/** A document as a form has it: what people write as text, and the rest as JSON. */
export interface TypedDocument {
  readonly image: string;
  readonly bootcode: string;
  readonly usercode: string;
  /** What is not one of the above, or says that it is removed. */
  readonly rest: string;
}

const scripts = ['bootcode', 'usercode'] as const;

/** What a form begins with. What cannot be shown as text and given back as it was stays in the rest. */
export const typedOf = (document: BootDocument | null): TypedDocument => {
  const rest: Record<string, unknown> = { ...document };
  const typed = { image: '', bootcode: '', usercode: '' };
  if (typeof rest['image'] === 'string') {
    typed.image = rest['image'];
    delete rest['image'];
  }
  for (const name of scripts) {
    const value = rest[name];
    const text = typeof value === 'string' ? textFromBase64(value) : undefined;
    if (text === undefined) continue;
    typed[name] = text;
    delete rest[name];
  }
  return { ...typed, rest: Object.keys(rest).length === 0 ? '' : JSON.stringify(rest, null, 2) };
};

export type ReadDocument =
  | { readonly ok: true; readonly document: BootDocument }
  | { readonly ok: false; readonly field: 'rest'; readonly message: string };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The document that a form says. The server checks what is in it. */
export const documentOf = ({ image, bootcode, usercode, rest }: TypedDocument): ReadDocument => {
  let parsed: unknown;
  try {
    parsed = rest.trim() === '' ? {} : (JSON.parse(rest) as unknown);
  } catch (error) {
    const message = `It is not JSON: ${error instanceof Error ? error.message : 'it cannot be read'}`;
    return { ok: false, field: 'rest', message };
  }
  if (!isObject(parsed)) return { ok: false, field: 'rest', message: 'Write an object: { "config": { } }' };
  const twice = Object.entries({ image, bootcode, usercode }).find(
    ([name, text]) => text !== '' && parsed[name] !== undefined,
  );
  if (twice !== undefined) return { ok: false, field: 'rest', message: `${twice[0]} is said above already.` };
  return {
    ok: true,
    document: {
      ...parsed,
      ...(image === '' ? {} : { image }),
      ...(bootcode === '' ? {} : { bootcode: textToBase64(bootcode) }),
      ...(usercode === '' ? {} : { usercode: textToBase64(usercode) }),
    },
  };
};

const isScript = (path: string): boolean => path === 'bootcode' || path === 'usercode';

/** A value as people read it: scripts as they were written, all else as JSON. */
export const valueText = (path: string, value: unknown): string => {
  const script = isScript(path) && typeof value === 'string' ? textFromBase64(value) : undefined;
  if (script !== undefined) return script;
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
};

export interface ChangeText {
  readonly word: string;
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const changeWords = { '+': 'new', '-': 'gone', '~': 'changed' } as const;

export const changeText = ({ change, path, before, after }: BootConfigChange): ChangeText => ({
  word: changeWords[change],
  path,
  before: change === '+' ? undefined : valueText(path, before),
  after: change === '-' ? undefined : valueText(path, after),
});
