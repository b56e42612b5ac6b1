import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface TreeImage {
  /** A whole disk, its second partition ext4. */
  readonly path: string;
  readonly partition: number;
  /** The files it was made of. */
  readonly tree: string;
}

/** What copies of a root tend to lose. */
const fill = `
mkdir -p etc usr/bin dev tmp var/empty
echo 'root:*' >etc/shadow; chown 0:42 etc/shadow; chmod 640 etc/shadow
echo 'set user id' >usr/bin/sudo; chmod 4755 usr/bin/sudo
echo capable >usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
echo 'one file, two names' >first; ln first second; setfattr -n user.drover -v kept first
ln -s ../etc/shadow usr/link; touch -h -d @1000000000 usr/link
ln -s /nowhere/at/all broken
mknod dev/mmcblk0 b 179 0; chmod 660 dev/mmcblk0; mknod dev/tty c 5 0; mkfifo dev/fifo
chmod 1777 tmp; echo old >old; chown 1000:100000 old; touch -d @1000000000 old
setfacl -m u:1234:rw old 2>/dev/null || setfattr -n trusted.note -v acl old
printf begin >holes; truncate -s 4M holes
echo name >'größe 東京.txt'
mkdir -m 2775 shared; chown 0:50 shared
chmod 755 .
`;

/** Made by programs no one here wrote. Takes root. */
export async function makeTreeImage(folder: string): Promise<TreeImage> {
  const [tree, path, volume] = [join(folder, 'tree'), join(folder, 'disk.img'), join(folder, 'root.ext4')];
  await mkdir(tree);
  await execute('sh', ['-ec', fill], { cwd: tree });
  await writeFile(volume, '');
  await execute('truncate', ['-s', '48M', volume]);
  await execute('mke2fs', ['-q', '-t', 'ext4', '-d', tree, volume]);
  await execute('truncate', ['-s', '64M', path]);
  await writeFile(
    join(folder, 'table'),
    'label: dos\nstart=2048, size=8192, type=c\nstart=16384, size=98304, type=83\n',
  );
  await execute('sh', ['-ec', `sfdisk -q ${path} <${join(folder, 'table')}`]);
  await execute('dd', [`if=${volume}`, `of=${path}`, 'bs=1M', 'seek=8', 'conv=notrunc', 'status=none']);
  return { path, partition: 2, tree };
}

/** Sizes of folders and counts of their links are the file system's own affair. */
const description = `
find . -name lost+found -prune -o -print0 | LC_ALL=C sort -z | while IFS= read -r -d '' f; do
  if [ -d "$f" ] && [ ! -L "$f" ]; then stat -c '%n %F %a %u %g' "$f"; else stat -c '%n %F %a %u %g %s %h %Y %t:%T' "$f"; fi
  if [ -L "$f" ]; then readlink "$f"; elif [ -f "$f" ]; then sha256sum <"$f"; fi
done
getfattr -d -m '^(user|security|system)\\.' -e hex -h -R . | LC_ALL=C sort
`;

/** All there is to know of the files below a folder, in one text. */
export async function describeTree(folder: string): Promise<string> {
  const { stdout } = await execute('bash', ['-ec', description], { cwd: folder, maxBuffer: 1 << 24 });
  return stdout;
}
