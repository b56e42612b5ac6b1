import type { Io } from '../terminal/io.js';

const remedies: Readonly<Record<string, string>> = {
  EACCES: 'Ports below 1024 need a right: run it as root, or give --dhcp-port and --relay-port of a test server.',
  EADDRINUSE: 'Another program has this port at this address: give the boards other addresses or --relay-port.',
  EADDRNOTAVAIL:
    'This machine does not have the address: boards stand in 127.0.0.0/8, or the address must be configured.',
  EMFILE: 'Each board under way has open sockets: allow more files (ulimit -n), or fewer boards with --concurrency.',
  ENOENT: 'A program is missing: `ip` is in iproute2, QEMU in qemu-system-arm.',
};

/** Says what this machine does not let a board do, with the remedy, and gives the exit code; any other error is a fault and thrown on. */
export const explainHostError = (io: Io, error: unknown): number => {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const remedy = remedies[code];
  if (remedy === undefined || !(error instanceof Error)) throw error;
  io.err(`drover: ${error.message}\n${remedy}\n`);
  return 1;
};
