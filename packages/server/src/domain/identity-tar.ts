import { tarEnd, tarHeader, tarPadding } from './tar.js';

/** What is laid over a root at each boot so that a stateless board stays itself, as a ustar archive (POSIX.1-1988). */
export interface IdentityFile {
  /** Relative: `etc/machine-id`; at most 100 characters. */
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

export interface BoardIdentity {
  readonly hostname: string;
  /** 32 hex digits, machine-id(5). */
  readonly machineId: string;
  /** By file name: `ssh_host_ed25519_key`, `ssh_host_ed25519_key.pub`. */
  readonly sshHostKeys: Readonly<Record<string, string>>;
}

/** /etc/hosts is the image's own and only lacks a line, which the board adds by itself. */
export const identityFiles = ({ hostname, machineId, sshHostKeys }: BoardIdentity): IdentityFile[] => [
  { path: 'etc/hostname', mode: 0o644, text: `${hostname}\n` },
  { path: 'etc/machine-id', mode: 0o444, text: `${machineId}\n` },
  ...Object.entries(sshHostKeys).map(([name, text]) => ({
    path: `etc/ssh/${name}`,
    mode: name.endsWith('.pub') ? 0o644 : 0o600,
    text,
  })),
];

/** A file that somebody gave this board. */
export interface OwnFile {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: Uint8Array;
}

/** What makes the board itself is root's, and etc/ssh is made where an image has none. `own` comes last: whoever gives a board its own /etc/hostname means it. */
export function identityTar(files: readonly IdentityFile[], own: readonly OwnFile[] = []): Buffer {
  const entries = files.map(({ path, mode, text }) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([tarHeader(path, { mode, size: bytes.length }), bytes, tarPadding(bytes.length)]);
  });
  const needsSsh = files.some(({ path }) => path.startsWith('etc/ssh/'));
  const folder = needsSsh ? [tarHeader('etc/ssh/', { mode: 0o755, size: 0 })] : [];
  const more = own.map(({ path, mode, uid, gid, bytes }) =>
    Buffer.concat([tarHeader(path, { mode, uid, gid, size: bytes.length }), bytes, tarPadding(bytes.length)]),
  );
  return Buffer.concat([...folder, ...entries, ...more, tarEnd]);
}
