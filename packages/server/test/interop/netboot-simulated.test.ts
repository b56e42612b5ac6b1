import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBoard, createIdentity, type BootResult, type ModelName } from '@drover/simulator';
import { DeviceClient, sleep, startLab, type NetbootLab } from './netboot-lab.js';

const bytes = (size: number) => randomBytes(size);
const files = new Map<string, Buffer>([
  ['start.elf', bytes(300_000)],
  ['fixup.dat', bytes(7_000)],
  ['kernel_2712.img', bytes(800_000)],
  ['bcm2710-rpi-3-b.dtb', bytes(30_000)],
  ['bcm2710-rpi-3-b-plus.dtb', bytes(30_000)],
  ['bcm2712-rpi-5-b.dtb', bytes(60_000)],
  ['overlays/overlay_map.dtb', bytes(2_000)],
]);

describe('boards as the wire reference describes them', () => {
  let lab: NetbootLab;
  let hosts = 0;
  beforeAll(async () => {
    lab = await startLab({ dhcp: true, files });
  });
  afterAll(() => lab.close());

  // Not faster: firmware gives a file 30 s, and a busy machine may stop this process for three of them.
  const newBoard = (model: ModelName, serial: string, clockScale = 0.4) => {
    hosts += 1;
    const identity = createIdentity({ model, serial });
    const board = createBoard({
      identity,
      network: {
        mode: 'relay',
        address: `127.44.0.${hosts}`,
        server: '127.0.0.1',
        dhcpPort: lab.dhcpPort,
        relayPort: lab.dhcpPort,
        tftpPort: lab.tftpPort,
      },
      clockScale,
      quirks: { romDeafMs: 0 },
    });
    return { identity, boot: () => board.boot() };
  };
  const loaded = (result: BootResult) => {
    if (!result.ok)
      throw new Error(`${result.failure.step}: ${result.failure.message} ${JSON.stringify(result.failure.files)}`);
    return result.image;
  };

  it.each([
    ['3b', '00000000a1b2c3d4', 'rom'],
    ['3b+', '00000000a1b2c3d5', 'bc'],
    ['4b', '1000000091cdf03d', 'ee'],
    ['5', 'f00dcafe12345678', 'ee'],
  ] as const)(
    'a %s is discovered, then boots what it is given, twice, with one secret each',
    async (model, serial, firmware) => {
      const { identity, boot } = newBoard(model, serial);
      expect((await boot()).ok).toBe(false);
      const device = await lab.provision(firmware === 'rom' ? identity.mac : identity.shortSerial);
      const first = loaded(await boot());
      expect(first.cmdline).toMatch(/^console=serial0,115200 console=tty1 quiet drover\.url=/);
      expect(first.initramfs.map(({ size }) => size)).toEqual([100_001 + 3 + 50_002]);
      const client = new DeviceClient(first.cmdline);
      const granted = await client.exchange('a'.repeat(32), { mac: identity.mac, serial: identity.serial });
      expect(granted.status).toBe(200);
      expect(await client.report('up', 'ok', `Bearer ${granted.lines['credential']}`)).toBe(204);

      const entries = await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
      expect(entries.filter(({ type }) => type === 'dhcp.discover').length).toBeGreaterThanOrEqual(1);
      expect(entries.some(({ type }) => type === 'dhcp.offer')).toBe(true);
      const kernel = entries.find(
        (entry) => entry.type === 'tftp.file' && entry.path.includes('kernel') && entry.outcome === 'complete',
      );
      expect(kernel).toBeDefined();
      const { session, record } = await lab.store.read(async (tx) => ({
        session: await tx.sessions.latestOf(device),
        record: await tx.devices.get(device),
      }));
      expect(session).toMatchObject({ outcome: 'up', id: client.session });
      expect(record).toMatchObject({ mac: identity.mac, serial: identity.serial, bootPrefix: identity.shortSerial });
      if (firmware !== 'rom') expect(session?.firmware).toBe(firmware);

      const second = new DeviceClient(loaded(await boot()).cmdline);
      expect(second.session).not.toBe(client.session);
      await lab.timeline(device, (all) => all.length > 5 && !all.some(({ type }) => type === 'session.ended'));
      const sessions = await lab.store.read((tx) => tx.sessions.list({ device }, { limit: 10 }));
      // One for the boot before adoption, one for each boot after: BC's own DHCP and all re-reads belong to theirs.
      expect(sessions.items.filter(({ generation }) => generation !== null)).toHaveLength(2);
    },
  );

  /** As an EEPROM starts over: a busy control plane may say too late that there is something to boot by now. */
  const persistent = async ({ boot }: ReturnType<typeof newBoard>): Promise<BootResult> => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await boot();
      if (result.ok || attempt === 5) return result;
      await sleep(1000);
    }
  };

  it('ten boards at once keep to their own files', async () => {
    const boards = Array.from({ length: 10 }, (_, i) => newBoard('5', `10000000000000${(i + 16).toString(16)}`));
    await Promise.all(boards.map(({ boot }) => boot()));
    for (const { identity } of boards) await lab.provision(identity.shortSerial);
    const images = (await Promise.all(boards.map(persistent))).map(loaded);
    const sessions = images.map(({ cmdline }) => new DeviceClient(cmdline).session);
    expect(new Set(sessions).size).toBe(10);
    for (const [i, session] of sessions.entries()) {
      const device = await lab.deviceOf(boards[i]!.identity.shortSerial);
      await lab.timeline(device!, (all) => all.length > 5);
      expect((await lab.store.read((tx) => tx.sessions.get(session)))?.device).toBe(device);
    }
  });
});
