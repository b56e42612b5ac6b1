import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createImageUnpacker } from '../../src/adapters/import/unpack.js';

const unpacker = createImageUnpacker();
const signal = new AbortController().signal;
let folder: string;
const at = (name: string): string => join(folder, name);
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
  const info = await unpacker.assemble(at('boot.tgz'), at('root.tar'), at('disk.img'), { limit: 1 << 30, signal });
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
  const fault: unknown = await unpacker
    .assemble(at('noise'), at('root.tar'), at('bad.img'), { limit: 1 << 30, signal })
    .catch((thrown: unknown) => thrown);
  expect(fault).toBeInstanceOf(RefusedError);
  expect((fault as RefusedError).refusal).toMatchObject({ code: 'image.broken' });
});
