import { errorCode } from './codec.js';

/** A request path that is safe to look up, or why not, as the TFTP error to answer with. */
export type TftpPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: typeof errorCode.accessViolation; readonly message: string };

const maxPathLength = 255;

/**
 * Turns the file name of a request into a relative path: `/`-separated, printable ASCII, no empty, `.` or `..` segment.
 * Boards ask without a leading slash, other clients with one; one is dropped. Nothing here looks at a file system: what
 * the path means is for the boot tree to say.
 */
export function normaliseTftpPath(raw: string): TftpPath {
  if (raw.length > maxPathLength) return refuse(`the path is longer than ${maxPathLength} characters`);
  if (!/^[\x20-\x7e]+$/.test(raw)) return refuse('the path has a character that is not printable ASCII');
  if (raw.includes('\\')) return refuse('the path has a backslash; use /');
  const relative = raw.startsWith('/') ? raw.slice(1) : raw;
  if (relative === '') return refuse('the path names no file');
  if (relative.startsWith('/')) return refuse('the path starts with //');
  if (relative.endsWith('/')) return refuse('the path names a folder, not a file');
  const segments = relative.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) return refuse('the path has a .. segment');
  if (segments.length === 0) return refuse('the path names no file');
  return { ok: true, path: segments.join('/') };
}

const refuse = (message: string): TftpPath => ({ ok: false, code: errorCode.accessViolation, message });
