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

const block = 512;
const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

function header(path: string, mode: number, size: number, directory: boolean): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`the path ${path} is too long for this archive`);
  const bytes = Buffer.alloc(block);
  bytes.write(path, 0);
  bytes.write(octal(mode, 7), 100);
  bytes.write(octal(0, 7), 108);
  bytes.write(octal(0, 7), 116);
  bytes.write(octal(size, 11), 124);
  // Time 0: the same identity is the same archive.
  bytes.write(octal(0, 11), 136);
  bytes.write('        ', 148);
  bytes.write(directory ? '5' : '0', 156);
  bytes.write('ustar\0' + '00', 257);
  bytes.write('root', 265);
  bytes.write('root', 297);
  bytes.write(
    `${bytes
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return bytes;
}

/** Files owned by root; etc/ssh is made where an image has none. */
export function identityTar(files: readonly IdentityFile[]): Buffer {
  const entries = files.map(({ path, mode, text }) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([header(path, mode, bytes.length, false), bytes, Buffer.alloc(-bytes.length & (block - 1))]);
  });
  const needsSsh = files.some(({ path }) => path.startsWith('etc/ssh/'));
  const folder = needsSsh ? [header('etc/ssh/', 0o755, 0, true)] : [];
  return Buffer.concat([...folder, ...entries, Buffer.alloc(2 * block)]);
}
