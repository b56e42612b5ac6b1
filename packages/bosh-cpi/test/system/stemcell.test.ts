import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { argumentsOf } from '@drover/bosh-cpi';
import { attachLoop } from '../../../card/test/support/loop.js';
import { sha256OfFile } from '../../../server/test/system/crash/card.js';
import { environmentOf, runDrover } from '../../../server/test/system/server.js';
import { createDirector, runCpi, type Director } from './director.js';
import { openRack, type Rack } from './rack.js';
import { openMachine, type Machine } from './release/machine.js';
import { deployFolder, mustRun, run } from './release/release.js';

// The stemcell: its archive as a director takes it, its recipe, and what is on the board for the agent's disks.

const stemcell = join(deployFolder, 'stemcell');
const make = join(stemcell, 'make-stemcell');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-stemcell-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the archive', () => {
  let rack: Rack;
  let director: Director;
  beforeAll(async () => {
    rack = await openRack(0);
    director = createDirector({ url: rack.server.url, key: rack.server.key });
  }, 1_800_000);
  afterAll(async () => {
    await rack?.stop();
  });

  /** What a director does with an archive before it calls the CPI. */
  const unpack = async (archive: string) => {
    const target = await mkdtemp(join(folder, 'unpacked-'));
    await mustRun('tar', ['-C', target, '-xzf', archive]);
    expect((await readdir(target)).sort()).toEqual(['dev_tools_file_list.txt', 'image', 'packages.txt', 'stemcell.MF']);
    const manifest = parse(await readFile(join(target, 'stemcell.MF'), 'utf8')) as Record<string, unknown>;
    const { stdout } = await mustRun('sha1sum', [join(target, 'image')]);
    expect(manifest['sha1']).toBe(stdout.split(' ')[0]);
    const { stemcell_formats: known } = (
      JSON.parse((await runCpi({ method: 'info', arguments: [] })).stdout) as { result: { stemcell_formats: string[] } }
    ).result;
    expect(known).toEqual(expect.arrayContaining(manifest['stemcell_formats'] as string[]));
    const args = argumentsOf.create_stemcell().parse([join(target, 'image'), manifest['cloud_properties']]);
    return { target, manifest, args };
  };

  it('of an image is made the same each time, and imported as it is', async () => {
    const archive = join(folder, 'full.tgz');
    const packages = join(folder, 'list.txt');
    await writeFile(packages, 'base-files 12.4\n');
    const args = [rack.card, '--version', '1.4', '--packages', packages, '--output', archive];
    expect((await mustRun(make, args)).stdout).toBe(`${archive}\n`);
    const first = await sha256OfFile(archive);
    await mustRun(make, args);
    expect(await sha256OfFile(archive)).toBe(first);
    expect((await readdir(folder)).filter((name) => name.startsWith('.make'))).toEqual([]);

    const { target, manifest, args: asked } = await unpack(archive);
    expect(manifest).toMatchObject({
      name: 'bosh-drover-debian-bookworm-arm64',
      version: '1.4',
      operating_system: 'debian-bookworm',
      api_version: 2,
    });
    expect(await readFile(join(target, 'packages.txt'), 'utf8')).toBe('base-files 12.4\n');
    const cid = await director.get<string>('create_stemcell', asked);
    const image = await rack.server.client.images.get({ params: { ref: cid } });
    expect(image).toMatchObject({ state: 'ready', version: expect.stringMatching(/^1\.4-/) as string });
    await director.get('delete_stemcell', [cid]);
  });

  it('of an image of the server names that one', async () => {
    const archive = join(folder, 'light.tgz');
    await mustRun(make, ['--light', rack.image, '--version', '2', '--name', 'light-pi', '--output', archive]);
    expect((await stat(archive)).size).toBeLessThan(2000);
    const { manifest, args } = await unpack(archive);
    expect(manifest).toMatchObject({ name: 'light-pi', version: '2', stemcell_formats: ['drover-light'] });
    const cid = await director.get<string>('create_stemcell', args);
    expect((await rack.server.client.images.get({ params: { ref: cid } })).ref).toBe(rack.image);
  });

  it.each([
    [[], 2],
    [['--version', '1'], 2],
    [['image'], 2],
    [['image', '--light', 'a:1', '--version', '1'], 2],
    [['image', '--version', "1'"], 2],
    [['image', '--version', '1', '--colour', 'red'], 2],
    [['/nowhere/image', '--version', '1'], 1],
  ])('is not made of %j', async (args, code) => {
    const done = await run(make, args, { cwd: folder });
    expect([done.code, done.stderr]).toEqual([code, expect.stringContaining('make-stemcell: ')]);
  });
});

describe('the recipe', () => {
  const check = (path: string) => runDrover(['build', path, '--check'], { env: environmentOf(folder) });

  it('asks for the programs that are built elsewhere, and can be used with them', async () => {
    const copy = join(folder, 'stemcell');
    await cp(stemcell, copy, { recursive: true });
    const programs = ['bosh-agent', 'bosh-blobstore-dav', 'monit'];
    for (const name of programs) await rm(join(copy, 'files/bin', name), { force: true });
    const without = await check(copy);
    expect(without.code).not.toBe(0);
    for (const name of programs) expect(without.stderr).toContain(`files/bin/${name}`);

    for (const name of programs) await writeFile(join(copy, 'files/bin', name), '');
    const { code, stdout, stderr } = await check(copy);
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining('can be used')]);
  });

  it('has scripts that hold, and units and settings that can be read', async () => {
    const files = join(stemcell, 'files');
    const scripts = (await readdir(files)).filter((name) => name.startsWith('bosh-') && !name.endsWith('.service'));
    expect(scripts).toHaveLength(4);
    await mustRun('shellcheck', [make, ...scripts.map((name) => join(files, name))]);
    expect(JSON.parse(await readFile(join(files, 'agent.json'), 'utf8'))).toMatchObject({
      Infrastructure: { Settings: { UseRegistry: false } },
    });
    const monitrc = join(folder, 'monitrc');
    const text = await readFile(join(files, 'monitrc'), 'utf8');
    await mkdir(join(folder, 'monit'));
    await writeFile(join(folder, 'monit/monit.user'), 'vcap:random-password\n', { mode: 0o600 });
    await writeFile(join(folder, 'monit/empty.monitrc'), '');
    await writeFile(monitrc, `set idfile ${folder}/monit.id\n${text.replaceAll('/var/vcap', folder)}`, { mode: 0o600 });
    await mustRun('monit', ['-t', '-c', monitrc]);
  });
});

describe('on a board', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await openMachine();
    await machine.must('mkdir -p /var/vcap/bosh; cp -a /dev/null /var/vcap/null; mount -t tmpfs tmpfs /dev');
    await machine.must('cp -a /var/vcap/null /dev/null');
  });
  afterAll(async () => {
    await machine?.stop();
  });

  const nodeOf = (event: Readonly<Record<string, string>>) =>
    machine.must(join(stemcell, 'files/bosh-disk-node'), { ACTION: 'change', MAJOR: '43', DEVTYPE: 'disk', ...event });
  /** Nodes and what they are of. */
  const nodes = async (): Promise<string> =>
    (await machine.must('cd /dev/bosh && [ -z "$(ls -A)" ] || stat -c "%n %F %t:%T" -- *')).stdout;
  const link = (name: string): string => `/dev/disk/by-id/drover-${name}`;
  const disk = { MINOR: '96', DEVLINKS: `/dev/disk/by-path/x ${link('disk-a')}` };
  const partition = { DEVTYPE: 'partition', MINOR: '97', PARTN: '1', DEVLINKS: link('disk-a-part1') };

  it('disks and partitions have nodes by the names that the agent makes of a hint', async () => {
    await nodeOf(disk);
    await nodeOf({ ...partition, ACTION: 'add' });
    const both = 'disk-a block special file 2b:60\ndisk-a1 block special file 2b:61\n';
    expect(await nodes()).toBe(both);
    const inode = async (): Promise<string> => (await machine.must('stat -c %i /dev/bosh/disk-a')).stdout;
    const before = await inode();
    await nodeOf(disk);
    await nodeOf({ MINOR: '128' });
    expect([await nodes(), await inode()]).toEqual([both, before]);
  });

  it('a number that another disk has got is of that one', async () => {
    await nodeOf({ ...partition, ACTION: 'remove' });
    await nodeOf({ ...disk, DEVLINKS: link('disk-b') });
    expect(await nodes()).toBe('disk-b block special file 2b:60\n');
    await nodeOf({ ...disk, DEVLINKS: '' });
    expect(await nodes()).toBe('');
  });

  it('the agent waits for its settings and for its disk, and needs none', async () => {
    const script = join(stemcell, 'files/bosh-data-disk');
    const settings = '/var/vcap/bosh/drover-agent-settings.json';
    const start = (disks: object) =>
      machine.sh(`cat >${settings}; ${script}`, { BOSH_DISK_SECONDS: '0' }, JSON.stringify({ disks }));
    const none = await machine.sh(script);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no /var/vcap/bosh')]);
    for (const ephemeral of ['', null]) expect((await start({ ephemeral })).code).toBe(0);
    const absent = await start({ ephemeral: { path: '/dev/bosh/none' } });
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('/dev/bosh/none does not come')]);
  });

  it('a new disk is made a file system once, and mounted by the name that the agent knows it by', async () => {
    const loop = attachLoop(join(folder, 'data.img'), 32 * 2 ** 20);
    try {
      const numbers = await mustRun('stat', ['-c', '%t %T', loop.device]);
      const [major = 0, minor = 0] = numbers.stdout.split(' ').map((each) => parseInt(each, 16));
      await machine.must(
        `mkdir -p /dev/bosh; for node in ${loop.device} /dev/bosh/data; do mknod $node b ${major} ${minor}; done`,
      );
      const start = `cat >/var/vcap/bosh/drover-agent-settings.json; ${join(stemcell, 'files/bosh-data-disk')}`;
      const settings = JSON.stringify({ disks: { ephemeral: { path: '/dev/bosh/data' } } });
      await machine.must(
        `${start}; ${join(stemcell, 'files/bosh-data-disk')}; echo kept >/var/vcap/data/file`,
        {},
        settings,
      );
      expect((await machine.must('grep /var/vcap/data /proc/mounts')).stdout).toMatch(/^\/dev\/bosh\/data .* ext4 /);
      await machine.must(
        `umount /dev/bosh/data; ${start}; grep kept /var/vcap/data/file; umount /dev/bosh/data`,
        {},
        settings,
      );
    } finally {
      await machine.sh('umount /var/vcap/data');
      loop.detach();
    }
  });
});
