import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A socket that could not be opened, in words for the person who started the server. `cause` is the system's error. */
export class ListenError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'ListenError';
    this.code = code;
  }
}

/** Explains why `service` cannot listen on a UDP address. `hint` is what else to say when the port is taken. */
export function explainBindError(cause: unknown, service: string, address: string, port: number, hint: string): Error {
  const code = errorCodeOf(cause);
  const where = `${address} port ${port}/udp`;
  if (code === 'EACCES') {
    return new ListenError(
      code,
      `${service} may not listen on ${where}: ports below 1024 need a right. Run it under systemd with ` +
        'AmbientCapabilities=CAP_NET_BIND_SERVICE, or once: setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")".',
      cause,
    );
  }
  if (code === 'EADDRINUSE') {
    const holder = findUdpHolder(port);
    const who = holder ? `it is held by ${holder}` : 'another program holds it (ss -ulpn names it)';
    return new ListenError(code, `${service} cannot listen on ${where}: ${who}. ${hint}`, cause);
  }
  if (code === 'EADDRNOTAVAIL') {
    return new ListenError(
      code,
      `${service} cannot listen on ${where}: no interface has this address. Check the interfaces in the settings (ip -4 addr).`,
      cause,
    );
  }
  return new ListenError(code, `${service} cannot listen on ${where}: ${String(cause)}`, cause);
}

const errorCodeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';

/**
 * `name (pid N)` of a process with a UDP socket on `port`, as far as /proc shows it: without root it only tells of
 * processes of the same user.
 */
export function findUdpHolder(port: number): string | undefined {
  const inodes = new Set([...udpInodes('/proc/net/udp', port), ...udpInodes('/proc/net/udp6', port)]);
  if (inodes.size === 0) return undefined;
  for (const pid of list('/proc')) {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
    const owns = list(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[([0-9]+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
    if (owns) return `${text(`/proc/${pid}/comm`).trim() || 'a process'} (pid ${pid})`;
  }
  return undefined;
}

/** Socket inodes of a /proc/net/udp table whose local port is `port`: proc(5), columns local_address and inode. */
function udpInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return text(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix))
    .map((columns) => columns[9] ?? '')
    .filter((inode) => inode !== '' && inode !== '0');
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
