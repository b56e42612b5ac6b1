import { execFile } from 'node:child_process';
import { chmod, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import { inputs, type FastImage } from '../../../../e2e/inputs/index.js';
import { startServer, type Finished, type TestServer } from './server.js';

const run = promisify(execFile);
let server: TestServer;
let fast: FastImage;
let rootTar: string;
beforeAll(async () => {
  fast = await inputs.fast();
  server = await startServer({ settings: { helpers: { cacheDir: join(cacheDir, 'helpers') } } });
  rootTar = join(server.folder, 'root.tar');
  await run('tar', ['-C', fast.rootDir, '--numeric-owner', '--xattrs', '-cf', rootTar, '.']);
});
afterAll(async () => {
  await server.stop();
});

/** Flips a byte of a stored blob. */
const damage = async (digest: string): Promise<void> => {
  const path = join(server.dataDir, 'blobs', 'sha256', digest.slice(0, 2), digest);
  await chmod(path, 0o644);
  const file = await open(path, 'r+');
  try {
    await file.write('X', 100_000_000);
  } finally {
    await file.close();
  }
};

describe('an image of a boot folder and a root tar', () => {
  let imported: Finished;
  beforeAll(async () => {
    imported = await server.cli('image', 'import', '--boot', fast.bootDir, '--root', rootTar, '--name', 'built:1');
  });

  it('is imported, and shown with what it can run on', async () => {
    // The steps of the import itself can be over between two looks.
    expect(imported.stderr).toMatch(/uploading (\S+ MiB) of \1/);
    expect(imported.code).toBe(0);
    const { stdout } = await server.cli('image', 'show', 'built:1');
    expect(stdout).toMatch(/^architecture\tarm64, 64-bit$/m);
    expect(stdout).toContain(`kernels\tkernel8.img 64-bit ${fast.kernelRelease}\n`);
    expect(stdout).toMatch(/^initramfs\tnone$/m);
    expect(stdout).toMatch(/^models\t.*\bpi4\b/m);
    expect(stdout).toMatch(/^release\t\S/m);
  });

  it('is not deleted while a device uses it, and says which', async () => {
    const { client } = server;
    await client.devices.create({ body: { name: 'vm-1', mac: '52:54:00:12:34:56', model: 'virt' } });
    await client.devices.provision({ body: { image: 'built:1', device: 'vm-1' } });
    const refused = await server.cli('image', 'delete', 'built:1');
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('in use by vm-1')]);
  });

  it('comes with first-boot settings from a file in any of the forms', async () => {
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(server.folder, name), text);
      return join(server.folder, name);
    };
    const device = (...words: string[]): Promise<Finished> => server.cli('device', 'first-boot', ...words);
    const toml = await file(
      'custom.toml',
      'config_version = 1\n[user]\nname = "anna"\npassword = "open sesame"\npassword_encrypted = false\n',
    );
    const reimaged = await server.cli('reimage', 'vm-1', '--image', 'built:1', '--first-boot', toml);
    expect([reimaged.code, reimaged.stderr]).toEqual([0, expect.anything()]);
    const shown = await device('show', 'vm-1');
    expect(shown.stdout).toContain("user\tanna, with a password, 0 keys, sudo, in place of the image's first user\n");
    expect((await device('show', 'vm-1', '--json')).stdout).not.toMatch(/\$6\$|sesame/);
    const userData = await file('user-data', '#cloud-config\nhostname: sign-17\npackages: [htop]\n');
    const set = await device('set', 'vm-1', '--file', userData);
    expect([set.code, set.stdout]).toEqual([0, expect.stringContaining('hostname\tsign-17\n')]);
    expect(set.stderr).toContain('packages is left to images with cloud-init');
    const wrong = await device('set', 'vm-1', '--file', await file('a.json', '{"hostname": "a b"}'));
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('hostname')]);
    expect((await device('clear', 'vm-1')).code).toBe(0);
    expect((await device('show', 'vm-1')).code).toBe(3);
  });

  it('that was damaged on the disk is named by a verification, which then does not end with 0', async () => {
    const { digest } = await server.client.images.get({ params: { ref: 'built:1' } });
    expect((await server.cli('blob', 'verify')).code).toBe(0);
    await damage(digest ?? '');
    const found = await server.cli('blob', 'verify');
    expect(found.code).toBe(1);
    expect(found.stderr).toContain(`damaged: ${digest ?? ''}, needed by built:1`);
    expect(found.stderr).toContain('Import the files of these images again');
    const json = await server.cli('blob', 'verify', '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ result: { damaged: 1, blobs: [{ images: ['built:1'] }] } });
  });
});

describe('a folder', () => {
  it('is refused where an image or the tar of a root is wanted, with what to do', async () => {
    const image = await server.cli('image', 'import', fast.bootDir, '--name', 'a:1');
    expect([image.code, image.stderr]).toEqual([2, expect.stringContaining('is a folder')]);
    const root = await server.cli('image', 'import', '--boot', fast.bootDir, '--root', fast.rootDir, '--name', 'a:1');
    expect([root.code, root.stderr]).toEqual([2, expect.stringContaining('--numeric-owner --xattrs -cf root.tar')]);
  });
});
