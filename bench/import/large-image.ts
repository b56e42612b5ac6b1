import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inputs } from '../../e2e/inputs/index.js';
import type { Say } from '../row.js';

/** 2.5 GB, of which two thirds are files: the make-up of a vendor's image of today. */
const rootMiB = 2200;
const extraMiB = 1100;

/** The full lab image, its root grown and filled with files of this machine, compressed with xz. Cached beside the lab's inputs. */
export async function largeImage(say: Say): Promise<string> {
  const { path: full, sha256 } = await inputs.full();
  const folder = join(process.env['DROVER_LAB_CACHE'] ?? '/var/cache/drover-lab', 'bench');
  const done = join(folder, `large-${sha256.slice(0, 12)}.img.xz`);
  if (existsSync(done)) return done;
  say('building a large image once (some minutes)');
  mkdirSync(folder, { recursive: true });
  const work = join(folder, 'work');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  execFileSync('sh', ['-euc', script, 'sh', full, work, String(rootMiB), String(extraMiB)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  renameSync(join(work, 'large.img.xz'), done);
  rmSync(work, { recursive: true, force: true });
  return done;
}

/** Grows the second partition in a copy and writes files into its ext4 through debugfs: nothing is mounted. */
const script = `
cp --sparse=always "$1" "$2/large.img"
start=$(sfdisk -J "$1" | jq '.partitiontable.partitions[1].start')
truncate -s $((start * 512 + $3 * 1048576)) "$2/large.img"
echo ', +' | sfdisk -q --no-reread --no-tell-kernel -N 2 "$2/large.img"
dd if="$2/large.img" of="$2/root.img" bs=1M iflag=skip_bytes skip=$((start * 512)) conv=sparse status=none
e2fsck -fp "$2/root.img" || [ $? -le 1 ]
resize2fs "$2/root.img"
find /usr/lib /usr/share /usr/bin -xdev -type f -size +64k -size -64M | sort >"$2/files"
{ echo 'mkdir /srv/bulk'; n=0; kept=0
  while read -r file && [ "$kept" -lt $(($4 * 1024)) ]; do
    kept=$((kept + $(stat -c %s "$file") / 1024)); n=$((n + 1)); echo "write $file /srv/bulk/$n"
  done <"$2/files"; } >"$2/commands"
debugfs -w -f "$2/commands" "$2/root.img"
dd if="$2/root.img" of="$2/large.img" bs=1M oflag=seek_bytes seek=$((start * 512)) conv=notrunc,sparse status=none
rm "$2/root.img"
xz -1 -T0 --block-size=192MiB "$2/large.img"
`;
