import { createSocket } from 'node:dgram';
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Observation } from '@drover/contract';
import { codeOf, done, skipped, timestamp, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'ports', title: 'The ports Drover needs on this machine' };

type PortSeen = Extract<Observation, { kind: 'port' }>;

/** Local ports with the inode of their socket (proc(5), /proc/net/udp). */
const openPorts = async (): Promise<{ readonly port: number; readonly inode: string }[]> => {
  const table = await readFile('/proc/net/udp', 'utf8').catch(() => '');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap((fields) => {
      const port = parseInt(fields[1]?.split(':')[1] ?? '', 16);
      const inode = fields[9];
      return Number.isInteger(port) && inode !== undefined ? [{ port, inode }] : [];
    });
};

interface Program {
  readonly pid: number;
  readonly name: string;
  readonly isDrover: boolean;
}

const programOf = async (pid: string): Promise<Program> => {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').filter(Boolean);
  const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'unknown')).trim();
  return { pid: Number(pid), name, isDrover: words.some((word) => /plane-main\.(js|ts)$/.test(word)) };
};

/** Programs by the inodes of sockets they have open. Those of other users show only to root. */
const holders = async (inodes: ReadonlySet<string>): Promise<Map<string, Program>> => {
  const found = new Map<string, Program>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) found.set(inode, await programOf(pid));
    }
  }
  return found;
};

/** Whether this user may open the port at all. */
const mayOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.once('error', (error) => {
      socket.close();
      resolve(!['EACCES', 'EPERM'].includes(codeOf(error)));
    });
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });

export interface PortsWanted {
  readonly ports: readonly number[];
  /** The server answers from this machine: what it may open is no question any more. */
  readonly serverRuns: boolean;
}

/** Who holds the ports below 1024 and PXE's. A DHCP server beside Drover may share its port, which is no fault. */
export const probePorts = async ({ ports, serverRuns }: PortsWanted, context: ProbeContext): Promise<Probed> => {
  const open = (await openPorts()).filter(({ port }) => ports.includes(port));
  const programs = await holders(new Set(open.map(({ inode }) => inode)));
  const observations: PortSeen[] = [];
  let unseen = false;
  for (const port of [...new Set(ports)]) {
    const sockets = open.filter((each) => each.port === port);
    const known = sockets.flatMap(({ inode }) => programs.get(inode) ?? []);
    const ours = known.find(({ isDrover }) => isDrover);
    const other = known.find(({ isDrover }) => !isDrover);
    const holder = ours ?? other;
    // Another user's socket, and a server that runs: it is most likely the server's.
    const isHidden = sockets.length > known.length && ours === undefined;
    unseen ||= isHidden;
    if (isHidden && serverRuns) continue;
    const state = ours !== undefined ? 'ours' : sockets.length > 0 ? 'held' : await stateOfFree(port, serverRuns);
    observations.push({
      ...{ kind: 'port', at: timestamp(context), by: 'this machine', protocol: 'udp', port, state },
      holder: holder === undefined ? null : `${holder.name} (process ${holder.pid})`,
    });
  }
  return unseen ? skipped(named, 'whose some of them are only root can see', observations) : done(named, observations);
};

const stateOfFree = async (port: number, serverRuns: boolean): Promise<'free' | 'denied'> =>
  serverRuns || (await mayOpen(port)) ? 'free' : 'denied';
