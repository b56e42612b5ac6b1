import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, DeviceClient, parametersOf, sha256, sleep, startLab, type NetbootLab } from './netboot-lab.js';

const prefix = '91cdf03d';
const nonce = '0123456789abcdef0123456789abcdef';
const tftp = (lab: NetbootLab, path: string, ...more: string[]) => curl(`${lab.tftpUrl}/${path}`, ...more);
const http = (lab: NetbootLab, path: string, ...more: string[]) => curl(`${lab.httpUrl()}/netboot/${path}`, ...more);

describe('a board from its first request to up', () => {
  let lab: NetbootLab;
  beforeAll(async () => {
    lab = await startLab();
  });
  afterAll(() => lab.close());

  it('is discovered, and gets nothing before it is adopted', async () => {
    expect(await tftp(lab, `${prefix}/start4.elf`)).toBeUndefined();
    expect(await tftp(lab, 'start4.elf')).toBeUndefined();
    const device = await lab.deviceOf(prefix);
    expect(device).toMatch(/^dev_/);
    const entries = await lab.timeline(device!, (all) => all.filter(({ type }) => type === 'tftp.file').length >= 2);
    expect(entries.map(({ type }) => type)).toEqual(['session.opened', 'tftp.file', 'tftp.file']);
    expect(entries[1]).toMatchObject({ path: `${prefix}/start4.elf`, outcome: 'absent' });
  });

  it('gets the same bytes over TFTP and HTTP, for every file', async () => {
    await lab.provision(prefix);
    await sleep(2_100);
    const names = [...lab.bootFiles.keys(), 'drover.img'];
    for (const name of names) {
      const [byTftp, byHttp] = [await tftp(lab, `${prefix}/${name}`), await http(lab, `${prefix}/${name}`)];
      expect(byTftp, name).toBeDefined();
      expect(sha256(byTftp!), name).toBe(sha256(byHttp!));
      const original = lab.bootFiles.get(name);
      if (original !== undefined && !['config.txt', 'cmdline.txt'].includes(name))
        expect(byHttp?.equals(original), name).toBe(true);
    }
    const upper = await tftp(lab, `${prefix.toUpperCase()}/OVERLAYS/VC4-KMS-V3D.DTBO`);
    expect(upper?.equals(lab.bootFiles.get('overlays/vc4-kms-v3d.dtbo')!)).toBe(true);
    expect((await http(lab, `${prefix}/drover.img`))?.length).toBe(100_001 + 3 + 50_002);
    expect(await tftp(lab, `${prefix}/nothing`)).toBeUndefined();
    for (const path of [
      `${prefix}/..%2f..%2fconfig.txt`,
      `${prefix}/%00config.txt`,
      `${prefix}/%zz`,
      '%2e%2e%2fetc/passwd',
    ]) {
      expect((await fetch(`${lab.httpUrl()}/netboot/${path}`)).status, path).toBe(400);
    }
  });

  it('reads the same rendered text each time, in one boot', async () => {
    const first = await tftp(lab, `${prefix}/cmdline.txt`);
    const text = first!.toString();
    expect(text).toMatch(
      /^console=serial0,115200 console=tty1 quiet drover\.url=http:\/\/127\.0\.0\.1:\d+ drover\.session=bs_/,
    );
    expect(text).not.toContain('root=');
    for (let i = 0; i < 5; i += 1) expect((await tftp(lab, `${prefix}/cmdline.txt`))?.equals(first!)).toBe(true);
    expect((await tftp(lab, `${prefix}/config.txt`))!.toString()).toBe(
      '# test image\narm_64bit=1\n[pi4]\nmax_framebuffers=2\n[all]\nauto_initramfs=0\ninitramfs drover.img followkernel\n',
    );
  });

  it('answers ranges as curl asks for them', async () => {
    const kernel = lab.bootFiles.get('kernel8.img')!;
    const ranges: [string, Buffer][] = [
      ['0-99', kernel.subarray(0, 100)],
      ['8999990-', kernel.subarray(8_999_990)],
      ['-7', kernel.subarray(-7)],
      ['1048570-1048580', kernel.subarray(1_048_570, 1_048_581)],
      ['100000-99999999', kernel.subarray(100_000)],
    ];
    for (const [range, wanted] of ranges) {
      expect((await http(lab, `${prefix}/kernel8.img`, '-r', range))?.equals(wanted), range).toBe(true);
    }
    const head = (await http(lab, `${prefix}/kernel8.img`, '-I'))!.toString();
    expect(head).toMatch(/^HTTP\/1\.1 200/);
    expect(head).toMatch(/content-length: 9000001/i);
    const etag = /etag: ("[^"]+")/i.exec(head)![1]!;
    const url = `${lab.httpUrl()}/netboot/${prefix}/kernel8.img`;
    const status = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
    expect(await status({ range: 'bytes=9000001-' })).toBe(416);
    expect(await status({ range: 'bytes=0-1', 'if-range': etag })).toBe(206);
    expect(await status({ range: 'bytes=0-1', 'if-range': '"other"' })).toBe(200);
    expect(await status({ 'if-none-match': etag })).toBe(304);
    expect(await status({ range: 'bytes=0-1,5-6' })).toBe(200);
  });

  it('goes from secret to credential to root to up', async () => {
    const client = new DeviceClient((await tftp(lab, `${prefix}/cmdline.txt`))!.toString());
    expect(await client.report('start', 'ok', `Secret ${client.secret}`)).toBe(204);
    const granted = await client.exchange(nonce);
    expect(granted.status).toBe(200);
    expect(granted.lines).toMatchObject({
      mode: 'ram',
      hostname: expect.stringMatching(/^[a-z0-9-]+$/) as string,
      rootSha256: sha256(lab.root),
      rootSize: String(lab.root.length),
      overlaySize: '50%',
    });
    const bearer = `Bearer ${granted.lines['credential']}`;
    const root = await client.get('root', bearer);
    expect(sha256(Buffer.from(await root.arrayBuffer()))).toBe(sha256(lab.root));
    const identity = await client.get('identity', bearer);
    expect(identity.headers.get('content-type')).toBe('application/x-tar');
    for (const [step, state] of [
      ['mount', 'ok'],
      ['switch', 'ok'],
      ['up', 'ok'],
    ] as const) {
      expect(await client.report(step, state, bearer, step === 'up' ? '[    0.0] Linux\n' : '')).toBe(204);
    }
    const device = (await lab.deviceOf(prefix))!;
    const entries = await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
    expect(entries.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['tftp.file', 'http.file', 'exchange', 'report', 'log', 'root.download']),
    );
    const { session, record, events } = await lab.store.read(async (tx) => ({
      session: await tx.sessions.latestOf(device),
      record: await tx.devices.get(device),
      events: await tx.events.list({ after: 0, limit: 100, subject: device }),
    }));
    expect(session).toMatchObject({ stage: 'up', outcome: 'up', verdict: null, address: '127.0.0.1' });
    expect(record?.upGeneration).toBe(1);
    expect(events.map(({ type }) => type)).toContain('device.up');
  });

  it('refuses everything without a credential of this very session', async () => {
    const client = new DeviceClient((await tftp(lab, `${prefix}/cmdline.txt`))!.toString());
    for (const authorization of ['', 'Bearer x', `Bearer ${nonce}.${'0'.repeat(64)}`, `Secret ${client.secret}`]) {
      expect((await client.get('root', authorization)).status).toBe(403);
      expect((await client.get('identity', authorization)).status).toBe(403);
    }
    expect(await client.report('start', 'ok', `Secret ${'0'.repeat(32)}`)).toBe(403);
    expect((await fetch(`${client.url}/device/v1/sessions/bs_x/root`)).status).toBe(404);
    expect((await fetch(`${client.url}/device/v1/time`).then((r) => r.text())).trim()).toMatch(/^time=\d{10}$/);
    expect((await fetch(`${client.url}/healthz`)).status).toBe(200);
    const tooLong = await fetch(`${client.url}/device/v1/sessions/${client.session}/reports?step=a&state=ok`, {
      method: 'POST',
      headers: { authorization: `Secret ${client.secret}` },
      body: 'x'.repeat(70_000),
    }).catch(() => undefined);
    expect(tooLong?.status ?? 413).toBe(413);
  });

  it('a first file after up is a new boot with another secret', async () => {
    const before = parametersOf((await tftp(lab, `${prefix}/cmdline.txt`))!.toString());
    await tftp(lab, `${prefix}/start4.elf`);
    const after = parametersOf((await tftp(lab, `${prefix}/cmdline.txt`))!.toString());
    expect(after['drover.session']).not.toBe(before['drover.session']);
    expect(after['drover.secret']).not.toBe(before['drover.secret']);
    expect(createHash('sha256').update(after['drover.secret']!).digest('hex')).toHaveLength(64);
  });
});
