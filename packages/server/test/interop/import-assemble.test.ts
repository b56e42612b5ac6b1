import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createImageUnpacker } from '../../src/adapters/import/unpack.js';

const unpacker = createImageUnpacker({ mayReachLocal: false });
let folder: string;
const at = (name: string): string => join(folder, name);
const assemble = (boot: string, root: string, limit = 1 << 30) => {
  const steps = new Set<string>();
  const options = { limit, signal: new AbortController().signal, progress: (step: string) => steps.add(step) };
  return unpacker.assemble(at(boot), at(root), at('disk.img'), options).then((info) => ({ info, steps }));
};
const refusalOf = async (work: Promise<unknown>): Promise<RefusedError['refusal']> => {
  const fault: unknown = await work.catch((thrown: unknown) => thrown);
  if (!(fault instanceof RefusedError)) throw new Error(`not refused: ${String(fault)}`);
  expect(fault.refusal.remedy).toBeTruthy();
  return fault.refusal;
};
const sh = (script: string): string => execFileSync('sh', ['-euc', script], { cwd: folder, encoding: 'utf8' });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-assemble-'));
  mkdirSync(at('boot/overlays'), { recursive: true });
  writeFileSync(at('boot/config.txt'), 'arm_64bit=1\n');
  writeFileSync(at('boot/overlays/a long overlay name.dtbo'), 'x');
  mkdirSync(at('root/etc'), { recursive: true });
  mkdirSync(at('root/dev'));
  writeFileSync(at('root/etc/passwd'), 'root:x:0:0\n');
  sh('ln root/etc/passwd root/etc/passwd2; ln -s passwd root/etc/link; chmod 755 root; cp /bin/true root/tool');
  sh('mknod root/dev/null c 1 3; chown 1234:99 root/etc/passwd; setcap cap_net_raw+ep root/tool');
  sh("tar -C boot -czf boot.tgz .; tar -C root --xattrs --xattrs-include='*' -cf root.tar .");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('two tars become a disk that sfdisk, mtools, e2fsck and debugfs can read', async () => {
  const { info, steps } = await assemble('boot.tgz', 'root.tar');
  expect([...steps]).toEqual(['unpack the boot files', 'unpack the root', 'build the disk', 'check']);
  expect(sh('sha256sum disk.img | cut -d" " -f1').trim()).toBe(info.digest);
  const table = JSON.parse(sh('sfdisk -J disk.img')) as {
    partitiontable: { partitions: { start: number; type: string }[] };
  };
  const [boot, root] = table.partitiontable.partitions;
  expect([boot?.type, root?.type]).toEqual(['c', '83']);
  expect(sh(`mdir -/ -b -i disk.img@@${(boot?.start ?? 0) * 512} ::`)).toContain(
    '::/overlays/a long overlay name.dtbo',
  );
  const volume = `disk.img?offset=${(root?.start ?? 0) * 512}`;
  sh(`e2fsck -fn '${volume}'`);
  const debugfs = (request: string): string => sh(`debugfs -R '${request}' '${volume}' 2>/dev/null`);
  expect(debugfs('stat /etc/passwd')).toMatch(/User:\s+1234\s+Group:\s+99/);
  expect(debugfs('stat /etc/passwd')).toMatch(/Links: 2/);
  expect(debugfs('stat /dev/null')).toMatch(/Type: character special/);
  expect(debugfs('ea_list /tool')).toContain('security.capability');
});

test('a file that is no tar is refused', async () => {
  writeFileSync(at('noise'), 'not a tar at all'.repeat(100));
  expect(await refusalOf(assemble('noise', 'root.tar'))).toMatchObject({ code: 'image.broken' });
  expect(await refusalOf(assemble('boot.tgz', 'noise'))).toMatchObject({ code: 'image.broken' });
});

test('a link among the boot files is refused by name, and what it points to is never read', async () => {
  sh('cp -r boot linked; ln -s /etc/hostname linked/overlays/secret.txt; tar -C linked -cf linked.tar .');
  const refused = await refusalOf(assemble('linked.tar', 'root.tar'));
  expect(refused).toMatchObject({ code: 'image.broken' });
  expect(refused.detail).toContain('overlays/secret.txt');
  sh('cp -r boot folded; ln -s /etc folded/etc; tar -C folded -cf folded.tar .');
  expect((await refusalOf(assemble('folded.tar', 'root.tar'))).detail).toContain('holds etc,');
});

test('a tar that is small only while it is compressed is stopped at the limit', async () => {
  sh('mkdir bomb; truncate -s 600M bomb/zeros; tar -C bomb -cf - . | zstd -q1 -o bomb.tar.zst; rm bomb/zeros');
  expect(await refusalOf(assemble('boot.tgz', 'bomb.tar.zst', 300 << 20))).toMatchObject({ code: 'image.too-large' });
  expect(sh('ls -d disk.img.d 2>/dev/null || true')).toBe('');
});

test('a root of very many files has an inode for each', async () => {
  sh(
    'mkdir -p many; (cd many; seq -f d%g 100 | xargs mkdir; seq -f d%g 100 | while read d; do (cd $d; seq 100 | xargs touch); done)',
  );
  sh('tar -C many -cf many.tar .');
  await assemble('boot.tgz', 'many.tar');
  const { partitiontable } = JSON.parse(sh('sfdisk -J disk.img')) as {
    partitiontable: { partitions: { start: number }[] };
  };
  const volume = `disk.img?offset=${(partitiontable.partitions[1]?.start ?? 0) * 512}`;
  sh(`e2fsck -fn '${volume}'`);
  expect(sh(`debugfs -R 'stat /d100/100' '${volume}' 2>/dev/null`)).toMatch(/Type: regular/);
});
