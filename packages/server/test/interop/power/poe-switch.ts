import { execFile, spawn } from 'node:child_process';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Switched } from '../../../src/app/power/ports.js';
import { eventually } from '../eventually.js';

const run = promisify(execFile);
const adminEnable = '1.3.6.1.2.1.105.1.1.1.3';

export const community = 'rack-secret';
/** May look and not touch. */
export const readers = 'rack-readers';
export const user = { username: 'ada', authKey: 'authentic-12', privKey: 'private-345' };

export interface Switch {
  readonly port: number;
  /** What snmpget reads of a port. */
  readonly state: (row: string) => Promise<Switched>;
  /** Packets of others that snmpd has taken. */
  readonly packets: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const freePort = async (): Promise<number> => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
};

/** Debian's snmpd with the ports of a PoE switch, on IPv4 and IPv6, for one community and one user of version 3. */
export const startSwitch = async (): Promise<Switch> => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-snmpd-'));
  const port = await freePort();
  const program = fileURLToPath(new URL('programs/poe-switch.py', import.meta.url));
  const settings = [
    `agentaddress udp:127.0.0.1:${port},udp6:[::1]:${port}`,
    ...['rwcommunity', 'rwcommunity6'].map((word) => `${word} ${community} default .1.3.6.1.2.1`),
    `rocommunity ${readers} default .1.3.6.1.2.1.105`,
    `createUser ${user.username} SHA-256 ${user.authKey} AES ${user.privKey}`,
    `rwuser ${user.username} priv .1.3.6.1.2.1.105`,
    `pass_persist .1.3.6.1.2.1.105 /usr/bin/python3 -u ${program}`,
  ];
  writeFileSync(join(folder, 'snmpd.conf'), `${settings.join('\n')}\n`);
  const env = { PATH: process.env['PATH'], SNMP_PERSISTENT_DIR: folder, SNMPCONFPATH: folder, MIBS: '' };
  const agent = spawn('snmpd', ['-f', '-Lo', '-C', '-c', join(folder, 'snmpd.conf'), '-p', join(folder, 'pid')], {
    env: { ...env, PATH: `${env.PATH}:/usr/sbin:/sbin` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  agent.stdout.resume();
  let reads = 0;
  const read = async (oid: string): Promise<number> => {
    reads += 1;
    const { stdout } = await run('snmpget', ['-r0', '-t5', '-v2c', '-c', community, '-Oqv', `127.0.0.1:${port}`, oid], {
      env,
    });
    return Number(stdout);
  };
  await eventually(async () => {
    reads = 0;
    if ((await read(`${adminEnable}.1.1`)) !== 2) throw new Error('the switch is not there yet');
  });
  return {
    port,
    state: async (row) => ((await read(`${adminEnable}.${row}`)) === 1 ? 'on' : 'off'),
    // snmpInPkts
    packets: async () => (await read('1.3.6.1.2.1.11.1.0')) - reads,
    stop: async () => {
      agent.kill();
      if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Somebody at an address who answers packets as he likes. */
export const startStranger = async (
  answer: (packet: Buffer, from: RemoteInfo, socket: Socket) => void,
): Promise<{ readonly port: number; readonly heard: () => number; readonly stop: () => Promise<void> }> => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  let heard = 0;
  socket.on('message', (packet, from) => {
    heard += 1;
    answer(packet, from, socket);
  });
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    heard: () => heard,
    stop: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
};
