import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TimelineEntry } from '@drover/contract';
import { curl, DeviceClient, freePort, parametersOf, sleep, startLab, type NetbootLab } from './netboot-lab.js';

const prefix = '91cdf03d';
const tftp = (lab: NetbootLab, path: string, ...more: string[]) => curl(`${lab.tftpUrl}/${path}`, ...more);

type Log = Extract<TimelineEntry, { type: 'log' }>;
const logs = (entries: readonly TimelineEntry[], source?: Log['source']): string =>
  entries
    .filter((entry): entry is Log => entry.type === 'log' && (source === undefined || entry.source === source))
    .map(({ text }) => text)
    .join('\n');

/** A sender of datagrams with an address of its own. */
async function sender(
  address: string,
): Promise<{ readonly socket: Socket; send(port: number, text: string | Buffer): Promise<void> }> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return {
    socket,
    send: (port, text) =>
      new Promise((resolve, reject) => {
        socket.send(text, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)));
      }),
  };
}

describe('the log of a board over the network', () => {
  let lab: NetbootLab;
  let port: number;
  let board: Awaited<ReturnType<typeof sender>>;
  let stranger: typeof board;
  let device: string;

  beforeAll(async () => {
    port = await freePort();
    lab = await startLab({ logPort: port });
    [board, stranger] = [await sender('127.0.0.1'), await sender('127.0.0.66')];
    await tftp(lab, `${prefix}/start4.elf`);
    device = await lab.provision(prefix);
    await sleep(2_100);
  });
  afterAll(async () => {
    board.socket.close();
    stranger.socket.close();
    await lab.close();
  });

  it('is on its timeline from the bootloader on', async () => {
    await tftp(lab, `${prefix}/config.txt`);
    await board.send(port, 'RPi: BOOTLOADER release VERSION:8ba17717\r\nBOOTMODE: 0x06\r\n');
    await board.send(port, 'NET 127.0.0.1 ');
    await board.send(port, '255.0.0.0\r\n\u001b[31mred\u001b[0m\r\n');
    const entries = await lab.timeline(device, (all) => logs(all).includes('red'));
    expect(logs(entries, 'bootloader')).toBe(
      'RPi: BOOTLOADER release VERSION:8ba17717\nBOOTMODE: 0x06\nNET 127.0.0.1 255.0.0.0\nred',
    );
  });

  it('goes on with its kernel, in the order it was written, saying what is missing', async () => {
    const cmdline = (await tftp(lab, `${prefix}/cmdline.txt`))!.toString();
    expect(parametersOf(cmdline)['drover.log-port']).toBe(String(port));
    await tftp(lab, `${prefix}/kernel8.img`);
    for (const record of [
      '6,0,0,-;Booting Linux on physical CPU 0x0',
      '6,2,1200,-,ncfrag=8/16;and last',
      '6,1,1000,-;second',
      '6,2,1200,-,ncfrag=0/16;the 3rd ',
      '4,15,9000000,-;hwmon hwmon1: Undervoltage detected!',
    ]) {
      await board.send(port, record);
    }
    const entries = await lab.timeline(device, (all) => logs(all).includes('Undervoltage'));
    expect(logs(entries, 'netconsole').split('\n')).toEqual([
      '[    0.000000] Booting Linux on physical CPU 0x0',
      '[    0.001000] second',
      '[    0.001200] the 3rd and last',
      '(12 lines not received)',
      '[    9.000000] hwmon hwmon1: Undervoltage detected!',
    ]);
  });

  it('gives a verdict of what nothing else told', async () => {
    const client = new DeviceClient((await tftp(lab, `${prefix}/cmdline.txt`))!.toString());
    const granted = await client.exchange('0123456789abcdef0123456789abcdef');
    expect(await client.report('up', 'ok', `Bearer ${granted.lines['credential']}`)).toBe(204);
    await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
    const session = await lab.store.read((tx) => tx.sessions.latestOf(device));
    expect(session).toMatchObject({ outcome: 'up', verdict: { fault: 'under-voltage' } });
  });

  it('is none of a stranger', async () => {
    await stranger.send(port, '0,1,1,-;Kernel panic - not syncing: made up\n');
    await sleep(1_000);
    expect(logs(await lab.timeline(device))).not.toContain('made up');
  });

  it('that waits for the next boot is on that one', async () => {
    await board.send(port, 'RPi: BOOTLOADER release VERSION:next\n');
    await sleep(700);
    await tftp(lab, `${prefix}/start4.elf`);
    const entries = await lab.timeline(device, (all) => logs(all).includes('VERSION:next'));
    expect(entries[0]?.type).toBe('session.opened');
    expect(logs(entries, 'bootloader')).toBe('RPi: BOOTLOADER release VERSION:next');
  });

  it('is bounded where it is a flood, and costs the board nothing else', async () => {
    const garbage = Buffer.alloc(900, 0xff);
    for (let i = 0; i < 6_000; i += 1) {
      await Promise.all([
        board.send(port, garbage),
        stranger.send(port, `${i},${i},${i},-,ncfrag=0/8000;${'x'.repeat(500)}`),
      ]);
    }
    await sleep(1_500);
    expect((await tftp(lab, `${prefix}/kernel8.img`))?.length).toBe(lab.bootFiles.get('kernel8.img')!.length);
    const client = new DeviceClient((await tftp(lab, `${prefix}/cmdline.txt`))!.toString());
    expect(await client.report('network', 'ok', `Secret ${client.secret}`)).toBe(204);
    const entries = await lab.timeline(device, (all) => all.some(({ type }) => type === 'report'));
    expect(logs(entries).length).toBeLessThan(1_200_000);
  });
});
