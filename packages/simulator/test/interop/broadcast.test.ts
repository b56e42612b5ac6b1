import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelNames, models } from '../../src/models.js';
import { bootFiles, writeFiles } from '../support/boot-folder.js';
import {
  createLab,
  ip,
  proxyArguments,
  runSimulator,
  startDnsmasq,
  stepOf,
  type Lab,
  type Service,
} from '../support/lab.js';

const serialOf = (model: (typeof modelNames)[number]): string =>
  (models[model].macFromSerial ? '00000000' : '10000000') + 'abcdef01';

/** A home network: a router that hands out addresses, and beside it a proxy that answers Pis and serves files. */
describe('boards on a segment with real broadcasts', () => {
  let lab: Lab;
  let places: Record<string, string>;
  let router: Service;
  let proxy: Service;

  const board = (model: string, ...args: readonly string[]) =>
    runSimulator(places['board'] ?? '', [
      '--model',
      model,
      '--mode',
      'broadcast',
      '--interface',
      'eth0',
      '--configure-interface',
      ...args,
    ]);

  const startRouter = (...more: readonly string[]): Promise<Service> =>
    startDnsmasq(places['router'] ?? '', 'eth0', ['--dhcp-range=10.66.0.50,10.66.0.250,255.255.255.0,1h', ...more]);

  const startProxy = (menu?: string): Promise<Service> =>
    startDnsmasq(places['proxy'] ?? '', 'eth0', proxyArguments('10.66.0.0', lab.folder, menu));

  beforeAll(async () => {
    lab = await createLab();
    await writeFiles(lab.folder, { 'bootcode.bin': bootFiles['start.elf'] ?? '' });
    await writeFiles(`${lab.folder}/abcdef01`, bootFiles);
    places = await lab.segment({ router: '10.66.0.1/24', proxy: '10.66.0.2/24', board: undefined });
    router = await startRouter();
    proxy = await startProxy();
  });

  afterAll(async () => {
    await router.stop();
    await proxy.stop();
    await lab.close();
  });

  it.each(modelNames)('a %s boots its firmware stage', async (model) => {
    const run = await board(model, '--serial', serialOf(model));
    expect(run.code, run.output).toBe(0);
    expect(stepOf(run, 'network')).toMatchObject({ server: '10.66.0.2' });
    expect(stepOf(run, 'network').address).toMatch(/^10\.66\.0\.\d+$/);
    expect(stepOf(run, 'loaded').kernel).toMatch(/^abcdef01\/kernel/);
    const acknowledged = run.steps.some((step) => step.type === 'dhcp-ack');
    expect(acknowledged).toBe(models[model].firstStage === 'ee');
  });

  it('a 3B asks twice, as ROM and as bootcode.bin, and dnsmasq sees its two identifiers', async () => {
    const run = await board('3b', '--serial', '00000000abcdef01');
    const discovers = run.steps.flatMap((step) => (step.type === 'dhcp-discover' ? [step.client] : []));
    expect(discovers).toEqual(['rom', 'bc']);
    expect(proxy.log()).toContain('option: 97 client-machine-id  00:44:44:44:44');
    expect(proxy.log()).toContain('option: 97 client-machine-id  00:01:ef:cd:ab:01:ef:cd:ab');
  });

  it('gives the interface back', async () => {
    const { promisify } = await import('node:util');
    const { execFile } = await import('node:child_process');
    const run = await board('4b', '--serial', '10000000abcdef01');
    expect(run.code).toBe(0);
    const { stdout } = await promisify(execFile)('ip', [
      '-n',
      places['board'] ?? '',
      '-4',
      'address',
      'show',
      'dev',
      'eth0',
    ]);
    expect(stdout).not.toContain('inet ');
    const rules = await promisify(execFile)('ip', ['-n', places['board'] ?? '', 'rule']);
    expect(rules.stdout).not.toContain('iif eth0');
  });

  describe('without one of the two servers', () => {
    it('no DHCP server: an EEPROM knows a boot server but gets no address; a 3B sleeps after five tries', async () => {
      await router.stop();
      try {
        const four = await board('4b', '--serial', '10000000abcdef01', '--clock-scale', '0.02');
        expect(four.code).toBe(4);
        expect(stepOf(four, 'failed')).toMatchObject({ step: 'dhcp', reason: 'no-address' });
        expect(four.steps.filter(({ type }) => type === 'dhcp-discover')).toHaveLength(12);
        const three = await board('3b', '--serial', '00000000abcdef01', '--clock-scale', '0.02');
        expect(stepOf(three, 'failed')).toMatchObject({ step: 'dhcp', reason: 'no-address' });
        expect(three.steps.filter(({ type }) => type === 'dhcp-discover')).toHaveLength(5);
      } finally {
        router = await startRouter();
      }
    });

    it('no proxy: an address, but no boot server', async () => {
      await proxy.stop();
      try {
        const run = await board('5', '--serial', '10000000abcdef01', '--clock-scale', '0.02');
        expect(stepOf(run, 'failed')).toMatchObject({ step: 'dhcp', reason: 'no-boot-server' });
      } finally {
        proxy = await startProxy();
      }
    });

    it('neither: silence, with the EEPROM clock of 4 s in 45 s', async () => {
      await router.stop();
      await proxy.stop();
      try {
        const run = await board('4b', '--serial', '10000000abcdef01', '--clock-scale', '0.02');
        const failed = stepOf(run, 'failed');
        expect(failed).toMatchObject({ step: 'dhcp', reason: 'no-offer' });
        expect(failed.at / 0.02).toBeGreaterThan(44_000);
      } finally {
        router = await startRouter();
        proxy = await startProxy();
      }
    });
  });

  it('the short menu starts every board but a 3B with the length bug', async () => {
    await proxy.stop();
    proxy = await startProxy('Raspberry Pi Boot');
    try {
      const fast = ['--clock-scale', '0.02'];
      expect((await board('3b+', '--serial', '00000000abcdef01', ...fast)).code).toBe(0);
      expect((await board('4b', '--serial', '10000000abcdef01', ...fast)).code).toBe(0);
      const strict = await board('3b', '--serial', '00000000abcdef01', ...fast);
      expect(stepOf(strict, 'failed')).toMatchObject({ step: 'dhcp', reason: 'no-boot-server' });
      const lucky = await board('3b', '--serial', '00000000abcdef01', '--quirk', 'romNeedsSpaces=0', ...fast);
      expect(lucky.code, lucky.output).toBe(0);
    } finally {
      await proxy.stop();
      proxy = await startProxy();
    }
  });

  it('a 3B answered too soon is stuck for that try; the delay of the server cures it', async () => {
    const deaf = ['--quirk', 'romDeafMs=1000'];
    const stuck = await board('3b', '--serial', '00000000abcdef01', '--clock-scale', '0.1', ...deaf);
    expect(stepOf(stuck, 'failed')).toMatchObject({ reason: 'unusable-offer' });
    await router.stop();
    await proxy.stop();
    router = await startRouter('--dhcp-reply-delay=2');
    proxy = await startDnsmasq(places['proxy'] ?? '', 'eth0', [
      ...proxyArguments('10.66.0.0', lab.folder),
      '--dhcp-reply-delay=2',
    ]);
    try {
      expect((await board('3b', '--serial', '00000000abcdef01', ...deaf)).code).toBe(0);
    } finally {
      await router.stop();
      await proxy.stop();
      router = await startRouter();
      proxy = await startProxy();
    }
  });

  it('a router with option 66 wins over the proxy on an EEPROM board, not on a 3B+', async () => {
    await router.stop();
    router = await startRouter('--dhcp-option-force=66,10.66.0.77');
    try {
      const four = await board('4b', '--serial', '10000000abcdef01', '--clock-scale', '0.05');
      expect(stepOf(four, 'network').server).toBe('10.66.0.77');
      expect(stepOf(four, 'failed')).toMatchObject({ step: 'network', reason: 'timeout' });
      expect((await board('3b+', '--serial', '00000000abcdef01')).code).toBe(0);
    } finally {
      await router.stop();
      router = await startRouter();
    }
  });

  it('a silent TFTP server is asked every 2 s for 30 s', async () => {
    await proxy.stop();
    proxy = await startDnsmasq(places['proxy'] ?? '', 'eth0', proxyArguments('10.66.0.0', undefined));
    try {
      const run = await board('4b', '--serial', '10000000abcdef01', '--clock-scale', '0.05');
      expect(stepOf(run, 'failed')).toMatchObject({ step: 'network', reason: 'timeout' });
      const request = run.files[0];
      expect(request).toMatchObject({ outcome: 'timeout', path: 'abcdef01/start4.elf' });
      expect(request?.resent).toBeGreaterThanOrEqual(13);
      expect(request?.resent).toBeLessThanOrEqual(15);
    } finally {
      await proxy.stop();
      proxy = await startProxy();
    }
  });

  it('TFTP_IP needs only an address; CLIENT_IP needs nothing', async () => {
    await proxy.stop();
    proxy = await startDnsmasq(places['proxy'] ?? '', 'eth0', [
      '--dhcp-range=10.99.0.0,proxy',
      '--enable-tftp',
      `--tftp-root=${lab.folder}`,
    ]);
    try {
      const known = await board('4b', '--serial', '10000000abcdef01', '--eeprom', 'TFTP_IP=10.66.0.2');
      expect(known.code, known.output).toBe(0);
      await router.stop();
      await ip('-n', places['board'] ?? '', 'link', 'set', 'eth0', 'up');
      await ip('-n', places['board'] ?? '', 'address', 'replace', '10.66.0.40/24', 'dev', 'eth0');
      const fixed = ['--mode', 'static', '--boot-server', '10.66.0.2', '--address', '10.66.0.40'];
      const still = await runSimulator(places['board'] ?? '', [
        '--model',
        '5',
        '--serial',
        '10000000abcdef01',
        ...fixed,
      ]);
      expect(still.code, still.output).toBe(0);
      expect(still.steps.some(({ type }) => type === 'dhcp-discover')).toBe(false);
    } finally {
      await proxy.stop();
      proxy = await startProxy();
      router = await startRouter();
    }
  });

  it('works without touching the interface when it has an address and a route', async () => {
    await ip('-n', places['board'] ?? '', 'link', 'set', 'eth0', 'up');
    await ip('-n', places['board'] ?? '', 'address', 'replace', '10.66.0.40/24', 'dev', 'eth0');
    await ip('-n', places['board'] ?? '', 'route', 'replace', 'default', 'via', '10.66.0.1');
    const run = await runSimulator(places['board'] ?? '', [
      '--model',
      '4b',
      '--serial',
      '10000000abcdef01',
      '--mode',
      'broadcast',
    ]);
    expect(run.code, run.output).toBe(0);
  });
});
