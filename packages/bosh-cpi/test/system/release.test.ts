import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../../server/test/system/server.js';
import { openMachine, type Machine } from './release/machine.js';
import {
  deployFolder,
  filesBelow,
  matches,
  mustRun,
  readJob,
  readPackage,
  renderJob,
  run,
  type Given,
} from './release/release.js';

// The release of BOSH, from the folder that people have to a server that runs: made as the command line of BOSH makes it, rendered as a director does, packaged
// and run as the agent does, in a /var/vcap that nobody else sees.

const jobs = ['drover', 'drover_cpi'];
const packages = ['drover', 'drover-cpi', 'node'];
const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
const blob = `node/node-${process.version}-linux-${arch}.tar.gz`;

let folder: string;
let release: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-release-'));
  release = join(folder, 'release');
  await cp(join(deployFolder, 'release'), release, {
    recursive: true,
    filter: (path) => !/\/release\/(src|blobs)$/.test(path),
  });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Files of a package, as the command line of BOSH takes them from sources and blobs. */
const filesOf = async (name: string): Promise<{ file: string; from: string }[]> => {
  const { files } = await readPackage(release, name);
  const found = [];
  for (const from of [join(release, 'src'), join(release, 'blobs')])
    for (const file of await filesBelow(from))
      if (files.some((pattern) => matches(pattern, file))) found.push({ file, from });
  return found;
};

describe('the specs', () => {
  it.each(jobs)('of the job %s name every template, package and property that there is, and no other', async (name) => {
    const spec = await readJob(release, name);
    expect(spec.name).toBe(name);
    const there = await readdir(join(release, 'jobs', name, 'templates'));
    expect(Object.keys(spec.templates).sort()).toEqual(there.sort());
    expect(packages).toEqual(expect.arrayContaining(spec.packages));

    const texts = await Promise.all(
      there.map((template) => readFile(join(release, 'jobs', name, 'templates', template), 'utf8')),
    );
    const asked = texts.flatMap((text) => [...text.matchAll(/(?<![.\w])(?:if_)?p\('([^']+)'/g)].map(([, key]) => key));
    expect([...new Set(asked)].sort()).toEqual(Object.keys(spec.properties).sort());
    const provided = spec.provides.flatMap(({ properties = [] }) => properties);
    expect(Object.keys(spec.properties)).toEqual(expect.arrayContaining(provided));
  });

  it('are all of the release: what one job consumes, another one provides', async () => {
    expect((await readdir(join(release, 'jobs'))).sort()).toEqual(jobs);
    expect((await readdir(join(release, 'packages'))).sort()).toEqual(packages);
    const specs = await Promise.all(jobs.map((name) => readJob(release, name)));
    const provided = specs.flatMap(({ provides }) => provides.map(({ type }) => type));
    for (const { type } of specs.flatMap(({ consumes }) => consumes)) expect(provided).toContain(type);
    for (const name of packages) {
      const spec = await readPackage(release, name);
      expect([spec.name, spec.dependencies]).toEqual([name, []]);
    }
  });

  it('of packages find nothing before it is prepared, and packaging says what to do', async () => {
    for (const name of packages) {
      expect(await filesOf(name)).toEqual([]);
      const target = join(folder, 'nothing', name);
      await mkdir(target, { recursive: true });
      const env = { PATH: process.env['PATH'] ?? '', BOSH_COMPILE_TARGET: target, BOSH_INSTALL_TARGET: target };
      const { code, stderr } = await run('bash', [join(release, 'packages', name, 'packaging')], { cwd: target, env });
      expect([name, code, stderr]).toEqual([name, 1, expect.stringMatching(/bosh add-blob|npm run build/)]);
    }
  });
});

describe('prepared', () => {
  beforeAll(async () => {
    await mustRun(join(deployFolder, 'prepare'), [release]);
    // What nodejs.org has: a folder of the name of the archive, with more in it than is wanted.
    const name = `node-${process.version}-linux-${arch}`;
    const unpacked = join(folder, name);
    await mkdir(join(unpacked, 'bin'), { recursive: true });
    await mkdir(join(unpacked, 'include'));
    await cp(process.execPath, join(unpacked, 'bin/node'));
    await writeFile(join(unpacked, 'LICENSE'), 'of Node\n');
    await writeFile(join(unpacked, 'include/node.h'), '');
    await mkdir(join(release, 'blobs/node'), { recursive: true });
    await mustRun('tar', ['-C', folder, '-I', 'gzip -1', '-cf', join(release, 'blobs', blob), name]);
  });

  it('every pattern of every package finds files, and every file is in a package', async () => {
    const found = [];
    for (const name of packages) {
      const { files: patterns } = await readPackage(release, name);
      const files = await filesOf(name);
      for (const pattern of patterns)
        expect([pattern, files.some(({ file }) => matches(pattern, file))]).toEqual([pattern, true]);
      found.push(...files.map(({ file }) => file));
    }
    const there = [...(await filesBelow(join(release, 'src'))), ...(await filesBelow(join(release, 'blobs')))];
    expect(found.sort()).toEqual(there.sort());
    expect(there.length).toBeGreaterThan(100);
    expect(there.filter((file) => /darwin|win32|musl|\.map$/.test(file))).toEqual([]);
  });

  it('can be prepared again, and what is not a folder of a release is refused', async () => {
    const before = await filesBelow(join(release, 'src'));
    await mustRun(join(deployFolder, 'prepare'), [release]);
    expect(await filesBelow(join(release, 'src'))).toEqual(before);
    expect((await run(join(deployFolder, 'prepare'), [release, 'more'])).code).toBe(2);
    expect((await run(join(deployFolder, 'prepare'), [join(folder, 'none')])).code).not.toBe(0);
  });

  describe('and installed', () => {
    let machine: Machine;
    let ports: { api: number; boot: number; nbd: number; tftp: number };
    const keys = ['first-key-of-the-cpi', 'second-key-of-the-cpi'] as const;
    beforeAll(async () => {
      machine = await openMachine();
      const [api, boot, nbd, tftp] = await Promise.all([freePort(), freePort(), freePort(), freePort('udp')]);
      ports = { api, boot, nbd, tftp };
    });
    afterAll(async () => {
      await machine?.sh('[ ! -x /var/vcap/jobs/drover/bin/ctl ] || /var/vcap/jobs/drover/bin/ctl stop');
      await machine?.stop();
    });

    /** Everything of the server said, on loopback; the CPI has its key and the address by its link. */
    const full = (key: string): Given => ({
      properties: {
        drover: {
          site: 'rack-2',
          http: { port: ports.api, public_url: 'https://drover.example.org' },
          boot: { interfaces: ['127.0.0.1'], server_address: '127.0.0.1', auto_adopt: true },
          dhcp: { mode: 'off' },
          database: 'sqlite',
          log: { level: 'debug' },
          power: { drivers: { bench: { kind: 'manual' } } },
          keys: { bosh: { key }, reader: { role: 'reader', key: 'key-of-a-reader' } },
          install_packages: true,
          settings: {
            dataDir: '/elsewhere',
            boot: {
              http: { listen: [`127.0.0.1:${ports.boot}`] },
              nbd: { listen: [`127.0.0.1:${ports.nbd}`] },
              tftp: { port: ports.tftp },
              heartbeatSeconds: 600,
            },
          },
          key,
        },
        agent: {
          mbus: 'nats://10.0.0.6:4222',
          ntp: ['10.0.0.1'],
          blobstore: { provider: 'dav', options: { endpoint: 'http://10.0.0.6:25250' } },
        },
        create_vm_seconds: 600,
      },
      links: {
        drover: { instances: [{ address: '127.0.0.1' }], properties: { drover: { http: { port: ports.api } } } },
      },
    });

    /** Renders a job anew into its place. */
    const place = async (name: string, given: Given): Promise<void> => {
      const rendered = join(folder, 'rendered', name);
      await rm(rendered, { recursive: true, force: true });
      await renderJob(release, name, rendered, given);
      await machine.must(`rm -rf /var/vcap/jobs/${name}; mkdir -p /var/vcap/jobs; cp -a ${rendered} /var/vcap/jobs/`);
    };
    const cat = async (path: string): Promise<string> => (await machine.must(`cat ${path}`)).stdout;
    const cpi = async (method: string, args: readonly unknown[]): Promise<{ result: unknown; error: unknown }> => {
      const request = JSON.stringify({ method, arguments: args, context: { director_uuid: 'd' }, api_version: 2 });
      return JSON.parse((await machine.must('/var/vcap/jobs/drover_cpi/bin/cpi', {}, request)).stdout) as never;
    };
    const serving = async (): Promise<boolean> =>
      (await fetch(`http://127.0.0.1:${ports.api}/healthz`).catch(() => undefined))?.ok === true;

    it.each(packages)('the package %s in a clean folder with nothing in the environment', async (name) => {
      const compile = join(folder, 'compile', name);
      for (const { file, from } of await filesOf(name)) {
        await mkdir(dirname(join(compile, file)), { recursive: true });
        await cp(join(from, file), join(compile, file));
      }
      await cp(join(release, 'packages', name, 'packaging'), join(compile, 'packaging'));
      const target = `/var/vcap/packages/${name}`;
      const env = { BOSH_COMPILE_TARGET: compile, BOSH_INSTALL_TARGET: target };
      await machine.must(`mkdir -p ${target}; cd ${compile}; exec bash -x packaging`, env);
      expect((await machine.must(`ls -A ${target}`)).stdout).not.toContain('packaging');
      await rm(compile, { recursive: true });
    });

    it('node alone, of what its archive has', async () => {
      expect((await machine.must('cd /var/vcap/packages/node; find . -type f | sort')).stdout).toBe(
        './LICENSE\n./bin/node\n',
      );
    });

    it.each(jobs)(
      'the job %s with the least and with all properties, in scripts and settings that hold',
      async (name) => {
        const least: Given = { properties: {} };
        for (const given of [least, full(keys[0])]) {
          await place(name, given);
          const { templates } = await readJob(release, name);
          for (const file of Object.values(templates)) {
            const path = `/var/vcap/jobs/${name}/${file}`;
            const text = await cat(path);
            expect(text, path).not.toMatch(/<%|%>/);
            if (file.endsWith('.mjs')) await machine.must(`/var/vcap/packages/node/bin/node --check ${path}`);
            else if (file.startsWith('bin/')) await machine.must(`sh -n ${path}; shellcheck ${path}`);
            else parse(text);
          }
          // What monit is told, held by a monit that is younger than BOSH's.
          const rc = 'set daemon 10\nset idfile /var/vcap/monit.id\ninclude /var/vcap/jobs/*/monit\n';
          const check = 'cat >/var/vcap/monitrc; chmod 600 /var/vcap/monitrc; monit -t -c /var/vcap/monitrc';
          const { stdout, stderr } = await machine.must(check, {}, rc);
          expect(stdout + stderr).toContain('syntax OK');
          expect(stderr).not.toContain('Program does not exist');
        }
      },
    );

    it('settings that the server takes, those of its own kind laid over them', async () => {
      const show = '/var/vcap/jobs/drover/bin/drover settings --config /var/vcap/jobs/drover/config/drover.yaml --json';
      const settings = async (): Promise<Record<string, unknown>> => {
        const list = JSON.parse((await machine.must(show)).stdout) as { key: string; value: unknown }[];
        return Object.fromEntries(list.map(({ key, value }) => [key, value]));
      };
      await place('drover', { properties: {} });
      expect(await settings()).toMatchObject({ site: 'default', dataDir: '/var/vcap/store/drover' });
      await place('drover', full(keys[0]));
      expect(await settings()).toMatchObject({
        site: 'rack-2',
        dataDir: '/var/vcap/store/drover',
        'log.level': 'debug',
        'http.publicUrl': 'https://drover.example.org',
        'boot.serverAddress': '127.0.0.1',
        'boot.autoAdopt': true,
        'boot.dhcp.mode': 'off',
        'boot.tftp.port': ports.tftp,
        'boot.heartbeatSeconds': 600,
      });
    });

    it('says which packages the stemcell lacks', async () => {
      await place('drover', { properties: {} });
      // A machine with no package at all.
      await machine.must('mkdir /var/vcap/bare; ln -s /bin/true /var/vcap/bare/dpkg-query');
      const env = { PATH: '/var/vcap/bare:/usr/sbin:/usr/bin:/sbin:/bin' };
      const { code, stderr } = await machine.sh('/var/vcap/jobs/drover/bin/pre-start', env);
      expect(code).toBe(1);
      expect(stderr).toMatch(/lacks packages .*mtools .*squashfs-tools/);
      expect(stderr).toContain('drover.install_packages');
    });

    it('and refuses settings and keys that cannot be, before it starts', async () => {
      await place('drover', { properties: { drover: { settings: { boot: { tftp: { prot: 69 } } } } } });
      const { code, stderr } = await machine.sh('/var/vcap/jobs/drover/bin/pre-start');
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining('Did you mean boot.tftp.port')]);
      const keyless = { properties: { drover: { keys: { bosh: { role: 'operator' } } } } };
      await expect(place('drover', keyless)).rejects.toThrow('drover.keys.bosh has no key');
    });

    it('the server starts, is ready when post-start ends, and knows the key of the CPI', async () => {
      await place('drover', full(keys[0]));
      await place('drover_cpi', full(keys[0]));
      await machine.must('/var/vcap/jobs/drover/bin/pre-start');
      const modes = 'cd /var/vcap; stat -c %a jobs/drover/config/drover.yaml jobs/drover/config/keys.json store/drover';
      expect((await machine.must(modes)).stdout).toBe('600\n600\n700\n');

      await machine.must('/var/vcap/jobs/drover/bin/ctl start');
      await machine.must('/var/vcap/jobs/drover/bin/post-start');
      expect(await serving()).toBe(true);
      const pid = (await cat('/var/vcap/sys/run/drover/drover.pid')).trim();
      await machine.must('/var/vcap/jobs/drover/bin/ctl start');
      expect((await cat('/var/vcap/sys/run/drover/drover.pid')).trim()).toBe(pid);
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).toContain('drover.js');

      expect(await cpi('info', [])).toMatchObject({ error: null, result: { api_version: 2 } });
      expect(await cpi('has_vm', ['dev_none'])).toMatchObject({ error: null, result: false });
      const admin = (await cat('/var/vcap/store/drover/admin.key')).trim();
      const logs = await cat('/var/vcap/sys/log/drover/*');
      for (const secret of [admin, ...keys]) expect(logs).not.toContain(secret);
    });

    it('a key that changes in the manifest takes the place of the one before', async () => {
      await place('drover', full(keys[1]));
      await machine.must('/var/vcap/jobs/drover/bin/post-start');
      expect(await cpi('has_vm', ['dev_none'])).toMatchObject({ result: null, error: { ok_to_retry: false } });
      await place('drover_cpi', full(keys[1]));
      expect(await cpi('has_vm', ['dev_none'])).toMatchObject({ error: null, result: false });
      const list = await machine.must('/var/vcap/jobs/drover/bin/drover key list --json');
      const all = JSON.parse(list.stdout) as { name: string; revokedAt: string | null }[];
      const active = all.filter(({ revokedAt }) => revokedAt === null).map(({ name }) => name);
      expect(active.sort()).toEqual(['bosh', 'first admin', 'reader']);
    });

    it('stops in order, as often as it is told to', async () => {
      const pid = (await cat('/var/vcap/sys/run/drover/drover.pid')).trim();
      await machine.must('/var/vcap/jobs/drover/bin/ctl stop; /var/vcap/jobs/drover/bin/ctl stop');
      // One that nobody has collected yet has no command any more.
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).toBe('');
      expect(await serving()).toBe(false);
      expect((await machine.must('ls /var/vcap/sys/run/drover')).stdout).toBe('');
      expect(await cat('/var/vcap/sys/log/drover/drover.stdout.log')).toContain('"stopped"');
    });

    it('a pid file of another process is no server', async () => {
      await machine.must('echo 1 >/var/vcap/sys/run/drover/drover.pid; /var/vcap/jobs/drover/bin/ctl stop');
      await machine.must('kill -0 1');
    });
  });
});
