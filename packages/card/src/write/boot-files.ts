import { refusal, RefusedError } from '@drover/contract';
import { ImageError, openBoot, openFat, readPartitionTable, windowOf, type RandomAccess } from '@drover/disk-image';
import type { ToolRunner } from '@drover/tools';
import { nothing, type Baked } from '../settings/baked.js';
import { cardConfText, parseCardConf } from '../settings/card-conf.js';
import type { CardTarget } from './target.js';

const confPath = 'drover/card.conf';
const wifiPath = 'drover/wpa_supplicant.conf';
const mostBytes = 64 * 1024;

/** Where the boot partition is; undefined on a disk that has none: a blank one, or one of something else. */
async function findBoot(source: RandomAccess): Promise<{ offset: number; length: number; number: number } | undefined> {
  try {
    const table = await readPartitionTable(source);
    const { partition } = await openBoot(source, table);
    const found = table.partitions.find(({ number }) => number === partition);
    return found;
  } catch (error) {
    if (error instanceof ImageError && isOther(error)) return undefined;
    throw error;
  }
}

/** Of a disk that was never a card of ours, rather than of one that is damaged. */
const isOther = ({ code }: ImageError): boolean =>
  code === 'image.no-partition-table' ||
  code === 'image.no-boot-partition' ||
  code === 'image.truncated' ||
  code.startsWith('image.partition.');

/** What a card holds already; undefined when it was never written by us. Throws card.disk-refused for what cannot be read. */
export async function readBaked(source: RandomAccess, path: string): Promise<Baked | undefined> {
  try {
    const boot = await findBoot(source);
    if (boot === undefined) return undefined;
    const volume = await openFat(windowOf(source, boot.offset, boot.length));
    const textAt = async (name: string): Promise<string | undefined> =>
      (await volume.stat(name)) === undefined
        ? undefined
        : Buffer.from(await volume.readFile(name, mostBytes)).toString('utf8');
    const conf = await textAt(confPath);
    const wifi = await textAt(wifiPath);
    if (conf === undefined && wifi === undefined) return undefined;
    return { lines: conf === undefined ? nothing.lines : parseCardConf(conf), wifi };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new RefusedError(
      refusal('card.disk-refused', `What ${path} holds already cannot be kept: ${error.message}.`, {
        remedy: 'Mend it with fsck.fat, or leave it with --forget.',
      }),
    );
  }
}

const noBoot = (what: string): RefusedError =>
  new RefusedError(
    refusal('image.unsupported', `The image has no boot partition that ${what} could be put on.`, {
      remedy: 'Name an image of a whole SD card for a Raspberry Pi.',
    }),
  );

/** Puts the files onto the boot partition of a card that was written; gives the number of that partition. */
export async function writeBaked(target: CardTarget, baked: Baked, tools: ToolRunner): Promise<number | undefined> {
  const boot = await findBoot(target);
  if (baked.lines.size === 0 && baked.wifi === undefined) return boot?.number;
  if (boot === undefined) throw noBoot('settings');
  const volume = await openFat(windowOf(target, boot.offset, boot.length));
  const place = ['-i', `${target.path}@@${boot.offset}`];
  // Vendors' images are a little off often enough: what mtools would refuse there is not what we change.
  const env = { MTOOLS_SKIP_CHECK: '1' };
  if ((await volume.stat('drover')) === undefined) await tools.run('mmd', [...place, '::/drover'], { env });
  const put = async (name: string, text: string): Promise<void> => {
    // Through a pipe: a key is in no other file and in no list of processes.
    await tools.run('mcopy', ['-D', 'o', ...place, '-', `::/${name}`], { env, input: bytesOf(text) });
  };
  await put(confPath, cardConfText(baked.lines));
  if (baked.wifi !== undefined) await put(wifiPath, baked.wifi);
  await target.sync();
  return boot.number;
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

/** Reads the files back, from the card and not from memory. Throws card.damaged. */
export async function verifyBaked(target: CardTarget, baked: Baked): Promise<void> {
  if (baked.lines.size === 0 && baked.wifi === undefined) return;
  await target.forgetCache();
  const found = await readBaked(target, target.path);
  const isSame =
    found !== undefined &&
    cardConfText(found.lines) === cardConfText(baked.lines) &&
    (baked.wifi === undefined || found.wifi === baked.wifi);
  if (isSame) return;
  throw new RefusedError(
    refusal('card.damaged', `${target.path} does not hold the settings that were written to it.`, {
      remedy: 'The card is most likely bad: take another.',
    }),
  );
}
