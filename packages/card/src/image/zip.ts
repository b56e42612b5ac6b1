import { refusal, RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { unpack } from './unpack.js';

/** unzip takes the name of a member for a pattern. */
const asPattern = (name: string): string => name.replace(/[[\]*?\\]/g, (character) => `\\${character}`);

/** `-rw-r--r--  3.0 unx  1048576 bx  1024 defN 26-Nov-28 18:00 name`, as zipinfo lists a member. */
const memberPattern = /^\S+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+\d+\s+\S+\s+\S+\s+\S+\s(.+)$/;

/** The one disk image of a zip archive, not the dot files some archivers add. */
export async function diskInZip(
  path: string,
): Promise<{ readonly size: number; open(signal: AbortSignal): AsyncIterable<Uint8Array> }> {
  const { stdout } = await createToolRunner().run('unzip', ['-Z', '-l', path]);
  const disks = stdout.split('\n').flatMap((line) => {
    const [, size, name] = memberPattern.exec(line) ?? [];
    const isDisk = name !== undefined && /\.(img|raw)$/i.test(name) && !/(^|\/)(\.|__MACOSX\/)/.test(name);
    return isDisk ? [{ name, size: Number(size) }] : [];
  });
  const [disk] = disks;
  if (disk === undefined || disks.length > 1)
    throw new RefusedError(
      refusal(
        'image.unsupported',
        `The zip archive ${path} holds ${disks.length === 0 ? 'no' : 'more than one'} .img file.`,
        {
          remedy: 'Unpack it, and name the .img itself.',
        },
      ),
    );
  return { size: disk.size, open: (signal) => unpack(path, 'unzip', ['-p', path, asPattern(disk.name)], signal) };
}
