import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FirstBootSettings } from '@drover/contract';
import { secretOf } from '../../src/domain/boot-credential.js';
import { curl, DeviceClient, startLab, type NetbootLab } from './netboot-lab.js';

const nonces = ['a', 'b', 'c'].map((digit) => digit.repeat(32)) as [string, string, string];
const boot = async (lab: NetbootLab, prefix: string): Promise<DeviceClient> => {
  await lab.register(prefix);
  await lab.provision(prefix);
  return new DeviceClient((await curl(`${lab.tftpUrl}/${prefix}/cmdline.txt`))!.toString());
};
const sessionOf = (lab: NetbootLab, id: string) => lab.store.read((tx) => tx.sessions.get(id));

describe('the one-use secret', () => {
  let lab: NetbootLab;
  beforeAll(async () => {
    lab = await startLab({ sessionTtlSeconds: 30 });
  });
  afterAll(() => lab.close());

  it('may be exchanged again with the same nonce, as an answer can be lost', async () => {
    const client = await boot(lab, '00000001');
    const [first, second] = [await client.exchange(nonces[0]), await client.exchange(nonces[0])];
    expect(second.status).toBe(200);
    expect(second.lines['credential']).toBe(first.lines['credential']);
    const entries = await lab.timeline((await lab.deviceOf('00000001'))!);
    expect(entries.filter((entry) => entry.type === 'exchange').map(({ outcome }) => outcome)).toEqual([
      'granted',
      'repeated',
    ]);
  });

  it('used by somebody else is revoked for both, with an event', async () => {
    const client = await boot(lab, '00000002');
    const granted = await client.exchange(nonces[0]);
    const bearer = `Bearer ${granted.lines['credential']}`;
    const stolen = await client.exchange(nonces[1]);
    expect(stolen.status).toBe(403);
    expect(stolen.text).toContain('used-twice');
    expect((await client.get('root', bearer)).status).toBe(403);
    expect(await client.report('mount', 'ok', bearer)).toBe(403);
    expect((await client.exchange(nonces[0])).status).toBe(403);
    const session = await sessionOf(lab, client.session);
    expect(session).toMatchObject({ outcome: 'revoked', verdict: { fault: 'credential-reused' } });
    const events = await lab.store.read((tx) => tx.events.list({ after: 0, limit: 100, subject: client.session }));
    expect(events.map(({ type }) => type)).toEqual(['session.started', 'session.ended', 'session.revoked']);
  });

  it('stolen first shuts the board out, and is told of as well', async () => {
    const client = await boot(lab, '00000003');
    // The impostor has another address; what tells the two apart is the nonce, because a board's own address may change in a boot.
    const impostor = await curl(
      `${lab.httpUrl()}/device/v1/sessions/${client.session}/exchange`,
      ...['--interface', '127.0.0.66', '--data', `secret=${client.secret}&nonce=${nonces[2]}`],
    );
    expect(impostor?.toString()).toContain('credential=');
    expect((await client.exchange(nonces[0])).status).toBe(403);
    const session = await sessionOf(lab, client.session);
    expect(session?.outcome).toBe('revoked');
    expect(session?.verdict?.message).toContain('127.0.0.66');
    expect(session?.verdict?.message).toContain('127.0.0.1');
  });

  it('that is wrong is refused and told on the timeline', async () => {
    const client = await boot(lab, '00000004');
    expect((await client.exchange(nonces[0], { secret: '0'.repeat(32) })).status).toBe(403);
    expect((await client.exchange(nonces[0], { secret: 'short' })).status).toBe(400);
    expect((await client.exchange(nonces[0])).status).toBe(200);
    const entries = await lab.timeline((await lab.deviceOf('00000004'))!, (all) =>
      all.some((entry) => entry.type === 'exchange' && entry.outcome === 'wrong'),
    );
    expect(
      entries
        .filter((entry) => entry.type === 'exchange')
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual(['granted', 'wrong']);
  });

  it('of one session is of no use in another', async () => {
    const [one, other] = [await boot(lab, '00000005'), await boot(lab, '00000006')];
    expect((await one.exchange(nonces[0], { secret: other.secret })).status).toBe(403);
    const granted = await one.exchange(nonces[0]);
    expect((await other.get('root', `Bearer ${granted.lines['credential']}`)).status).toBe(403);
  });

  it('expires', async () => {
    const key = await lab.service.backend.bootKey();
    // A session that was opened 31 s ago: its id says so.
    const device = (await lab.deviceOf('00000006'))!;
    const old = (await import('../../src/adapters/system/index.js'))
      .createIds({ clock: { now: () => Date.now() - 31_000 } })
      .next('bs');
    await lab.service.backend.telemetry('old', [
      {
        kind: 'opened',
        opened: {
          id: old,
          device,
          wire: { site: 'default', firmware: 'ee', isPi: true },
          generation: 1,
          openedAt: Date.now(),
        },
      },
    ]);
    const client = new DeviceClient(
      `drover.url=${lab.httpUrl()} drover.session=${old} drover.secret=${secretOf(key, old)}`,
    );
    const refused = await client.exchange(nonces[0]);
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('expired');
  });

  it('is refused after the assignment changed, so that kernel and root are of one image', async () => {
    const client = await boot(lab, '00000007');
    await lab.provision('00000007');
    const refused = await client.exchange(nonces[0]);
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('no-assignment');
  });

  it('is not guessed: exchanges of one address are limited', async () => {
    const client = await boot(lab, '00000008');
    const statuses: number[] = [];
    for (let i = 0; i < 80; i += 1)
      statuses.push((await client.exchange(nonces[0], { secret: 'f'.repeat(32) })).status);
    expect(statuses).toContain(503);
  });
});

describe('a root that is still being made', () => {
  it('is waited for, with the secret already bound to the board', async () => {
    const lab = await startLab({ rootReady: false });
    try {
      const client = await boot(lab, '000000aa');
      const answer = await client.exchange(nonces[0]);
      expect(answer.status).toBe(503);
      expect(Number(answer.retryAfter)).toBeGreaterThan(0);
      expect(answer.text).toContain('"detail":"Not yet: the root of test:1 is being made."');
      expect((await client.exchange(nonces[1])).status).toBe(403);
    } finally {
      await lab.close();
    }
  });
});

describe('what makes a board itself', () => {
  it('comes with its first-boot settings, and only to the board itself', async () => {
    const lab = await startLab({});
    try {
      const client = await boot(lab, '00000001');
      const id = (await lab.deviceOf('00000001'))!;
      const settings = FirstBootSettings.parse({
        hostname: 'sign-17',
        users: [{ name: 'anna', passwordHash: '$6$salt$01234567' }],
      });
      const record = { settings, warnings: [], updatedAt: '2026-01-02T03:04:05.678Z' };
      await lab.store.transaction((tx) => tx.firstBoots.put(id, record));
      const { lines } = await client.exchange(nonces[0]);
      expect(lines['hostname']).toBe('sign-17');
      expect((await client.get('identity', 'Bearer none')).status).toBe(403);
      const archive = await client.get('identity', `Bearer ${lines['credential']}`);
      const text = Buffer.from(await archive.arrayBuffer()).toString('latin1');
      expect(text).toMatch(/etc\/hostname\0[^]*sign-17\n/);
      expect(text).toMatch(
        /run\/drover\/first-boot\/settings\0+0000600\0[^]*user=anna\npassword=\$6\$salt\$01234567\n/,
      );
      expect(text).toMatch(/run\/drover\/first-boot\/cloud\/user-data\0[^]*#cloud-config\n/);
    } finally {
      await lab.close();
    }
  });

  it('comes with the files that somebody gave the board', async () => {
    const lab = await startLab({});
    try {
      const client = await boot(lab, '00000001');
      const id = (await lab.deviceOf('00000001'))!;
      const file = { mode: '0600', uid: 33, gid: 44, size: 3, sha256: '', updatedAt: '', content: Buffer.from('own') };
      await lab.store.transaction((tx) => tx.deviceFiles.put(id, { ...file, path: '/etc/app/token' }));
      const { lines } = await client.exchange(nonces[0]);
      expect((await client.get('identity', 'Bearer none')).status).toBe(403);
      const archive = await client.get('identity', `Bearer ${lines['credential']}`);
      const text = Buffer.from(await archive.arrayBuffer()).toString('latin1');
      expect(text).toContain('etc/machine-id');
      expect(text.slice(text.lastIndexOf('etc/app/token'))).toMatch(
        /^etc\/app\/token\0+0000600\0[0-7 \0]*ustar[^]*own/,
      );
    } finally {
      await lab.close();
    }
  });
});
