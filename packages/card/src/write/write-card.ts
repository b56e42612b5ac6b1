import { rename, rm, stat } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import type { DiskFacts } from '../disk/facts.js';
import { readDiskFacts } from '../disk/read-facts.js';
import { refuseDisk, type DiskLimits } from '../disk/refuse.js';
import type { CardImage } from '../image/card-image.js';
import { mergeBaked, nothing, shownBaked, type Baked, type Given } from '../settings/baked.js';
import { readBaked, verifyBaked, writeBaked } from './boot-files.js';
import { copyImage, verifyCopy, type CopyOptions } from './copy.js';
import { growRoot, type Growth } from './grow.js';
import { createFile, openDevice, openToRead, type CardTarget } from './target.js';

export interface CardTask extends CopyOptions {
  readonly image: CardImage;
  readonly given: Given;
  /** Keep nothing of what the card held. */
  readonly forget: boolean;
  /** Let the root partition reach to the end of the card. */
  readonly grow: boolean;
}

/** A card that was made, without anything secret. */
export interface MadeCard {
  readonly target: string;
  /** Bytes of the card. */
  readonly size: number;
  readonly image: { readonly name: string; readonly size: number; readonly sha256: string };
  readonly settings: Readonly<Record<string, string>>;
  /** Names of those settings that the card held before. */
  readonly kept: readonly string[];
  readonly root: Growth;
}

/** What is going to be done to a device, for people to confirm. */
export interface DevicePlan {
  readonly facts: DiskFacts;
  readonly settings: Readonly<Record<string, string>>;
  readonly kept: readonly string[];
}

export interface DeviceTask extends CardTask {
  readonly device: string;
  readonly limits: Omit<DiskLimits, 'needed'>;
  /** Called before anything is changed; throws when it is not to be. */
  confirm(plan: DevicePlan): Promise<void>;
  /** Called when from now on what was on the card is lost. */
  onBegin(): void;
}

export interface FileTask extends CardTask {
  readonly file: string;
  /** Bytes of the card; undefined: as large as the image. */
  readonly size: number | undefined;
}

/** Image, settings, root, each looked at again on the card. */
async function make(task: CardTask, target: CardTarget, baked: Baked & { kept: readonly string[] }): Promise<MadeCard> {
  const { image, grow } = task;
  const written = await copyImage(image, target, task);
  await verifyCopy(target, written, task);
  const boot = await writeBaked(target, baked, createToolRunner());
  const root: Growth = grow ? await growRoot(target, boot) : { kind: 'left', why: 'it was not to grow' };
  await verifyBaked(target, baked);
  return {
    ...{ target: target.path, size: target.size, kept: baked.kept, root },
    image: { name: image.name, size: written.size, sha256: written.sha256 },
    settings: shownBaked(baked),
  };
}

/** Writes a card in a reader. Throws RefusedError. */
export async function writeCard(task: DeviceTask): Promise<MadeCard> {
  const { device, image, limits } = task;
  const facts = await readDiskFacts(device);
  const refused = refuseDisk(facts, { ...limits, needed: image.size });
  if (refused !== undefined) throw new RefusedError(refused);
  const target = await openDevice(device, facts.size);
  try {
    const before = task.forget ? undefined : await readBaked(target, device);
    const baked = mergeBaked(before ?? nothing, task.given);
    await task.confirm({ facts, settings: shownBaked(baked), kept: baked.kept });
    task.signal.throwIfAborted();
    task.onBegin();
    return await make(task, target, baked);
  } finally {
    await target.close();
  }
}

/** What a file that is there already holds; it is replaced only when it is a card of ours. */
async function readOldFile({ file: path, forget }: FileTask): Promise<Baked | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const taken = new RefusedError(
    refusal('card.disk-refused', `There is something named ${path} already, and it is no card that Drover made.`, {
      remedy: 'Name another file, or move that one away.',
    }),
  );
  if (!found.isFile()) throw taken;
  const source = await openToRead(path);
  try {
    const baked = await readBaked(source, path).catch((error: unknown) => {
      if (forget && error instanceof RefusedError) return nothing;
      throw error;
    });
    if (baked === undefined) throw taken;
    return baked;
  } finally {
    await source.close();
  }
}

const MiB = 1024 * 1024;

/** Bytes the file needs before its image is read: those that come of an image of unknown size are cut off or added later. */
async function sizeOf({ image, size, signal }: FileTask): Promise<number> {
  if (size !== undefined) return size;
  if (image.size !== null) return image.size;
  let counted = 0;
  for await (const chunk of image.open(signal)) counted += chunk.length;
  return counted;
}

/** Makes a file that can be written to a card by any program. It has its name once it is whole; one that was there stays until then. */
export async function writeCardFile(task: FileTask): Promise<MadeCard> {
  const { file, image, size } = task;
  if (size !== undefined && (size % MiB !== 0 || size < (image.size ?? 0)))
    throw new RefusedError(
      refusal(
        'request.invalid',
        `size: ${size} bytes are ${size % MiB === 0 ? 'less than the image has' : 'not whole MiB'}.`,
        {
          remedy: `Write --size ${Math.ceil(Math.max(size, image.size ?? 0) / MiB)}M, or more.`,
        },
      ),
    );
  const before = await readOldFile(task);
  const baked = mergeBaked((task.forget ? undefined : before) ?? nothing, task.given);
  const part = `${file}.part`;
  const target = await createFile(part, await sizeOf(task));
  try {
    const made = await make(task, target, baked);
    await rename(part, file);
    return { ...made, target: file };
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await target.close();
  }
}
