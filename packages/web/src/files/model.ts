import { deviceFileLimits, DeviceFilePut } from '@drover/contract';
import { textToBase64 } from '../api/base64.js';

/** A file of a board as a form has it. */
export interface TypedFile {
  readonly path: string;
  readonly mode: string;
  /** `uid:gid`, or one number for both. */
  readonly owner: string;
  readonly text: string;
  /** Base64 of a file that was chosen, in place of the text. */
  readonly chosen: string | undefined;
}

export const noFile: TypedFile = { path: '', mode: '0644', owner: '0:0', text: '', chosen: undefined };

export type ReadFile =
  { readonly ok: true; readonly file: DeviceFilePut } | { readonly ok: false; readonly problem: string };

/** What is to be put; a problem in words where it cannot be. */
export const readFile = ({ path, mode, owner, text, chosen }: TypedFile): ReadFile => {
  if (path === '') return { ok: false, problem: 'Say where it lies, like /etc/app/token.' };
  const [, uid, gid = uid] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(owner.trim()) ?? [];
  if (uid === undefined) return { ok: false, problem: 'Write the owner as numbers of user and group, like 0:0.' };
  const content = chosen ?? textToBase64(text);
  const read = DeviceFilePut.safeParse({ path, mode, uid: Number(uid), gid: Number(gid), content });
  if (read.success) return { ok: true, file: read.data };
  const [issue] = read.error.issues;
  const names: Readonly<Record<string, string>> = { content: 'The file', uid: 'The owner', gid: 'The owner' };
  const field = String(issue?.path[0] ?? '');
  return { ok: false, problem: `${names[field] ?? `The ${field}`} ${issue?.message ?? 'cannot be used'}.` };
};

/** Bytes that base64 holds. */
export const sizeOfBase64 = (base64: string): number =>
  (base64.length / 4) * 3 - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);

/** Why no more files fit to one board; undefined: they do. */
export const tooMany = (files: readonly DeviceFilePut[]): string | undefined => {
  if (files.length > deviceFileLimits.files) return `A board has ${deviceFileLimits.files} files at most.`;
  const bytes = files.reduce((sum, { content }) => sum + sizeOfBase64(content), 0);
  return bytes > deviceFileLimits.allBytes ? 'The files of a board have 2 MiB together at most.' : undefined;
};
