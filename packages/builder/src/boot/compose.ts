import { refusal, RefusedError } from '@drover/contract';
import { ImageError, type Ext4Volume } from '@drover/disk-image';
import { createInitramfsComposer, type HelperStore, type InitramfsComposer } from '@drover/initramfs';
import type { Architecture } from '../recipe/schema.js';

/** A kernel that an initramfs is for. */
export interface ComposedKernel {
  readonly release: string;
  readonly architecture: Architecture;
}

/** Makes the initramfs of a kernel, from the root that has its modules. */
export type ComposeInitramfs = (volume: Ext4Volume, kernel: ComposedKernel, signal: AbortSignal) => Promise<Uint8Array>;

export interface ComposeDeps {
  /** Programs of the initramfs. */
  readonly helpers: HelperStore;
  /** The folder `device` of this installation. */
  readonly deviceFolder: string;
}

async function composeModules(
  composer: InitramfsComposer,
  volume: Ext4Volume,
  { release, architecture }: ComposedKernel,
  signal: AbortSignal,
): Promise<void> {
  const made = await composer.composeModules(volume, release, architecture, signal);
  if (!made.ok)
    throw new RefusedError(refusal(made.code, made.detail, made.remedy === undefined ? {} : { remedy: made.remedy }));
}

/**
 * For cards that are made of the image: whether they can use Wi-Fi is up to the root, which has a driver of a radio or has none. Where it has one, a build without
 * the programs fails: the same recipe would give other bytes.
 */
async function composeWifi(
  composer: InitramfsComposer,
  volume: Ext4Volume,
  { release, architecture }: ComposedKernel,
  signal: AbortSignal,
): Promise<void> {
  try {
    const drivers = await composer.composeWifiDrivers(volume, release, architecture, signal);
    if (drivers !== undefined) await composer.composeWifiPrograms(architecture, signal);
  } catch (fault) {
    if (!(fault instanceof ImageError)) throw fault;
    throw new RefusedError(
      refusal('image.unfit', `Kernel ${release}, drivers for Wi-Fi: ${fault.message} (${fault.code})`, {
        ...(fault.remedy === undefined ? {} : { remedy: fault.remedy }),
      }),
    );
  }
}

/** Composes in memory: the parts of one kernel are some 20 MB. */
export function createCompose({ helpers, deviceFolder }: ComposeDeps): ComposeInitramfs {
  return async (volume, kernel, signal) => {
    const parts: Uint8Array[] = [];
    const put = async (source: AsyncIterable<Uint8Array>): Promise<{ digest: string; size: number }> => {
      let size = 0;
      for await (const chunk of source) {
        parts.push(chunk);
        size += chunk.length;
      }
      return { digest: '', size };
    };
    const composer = createInitramfsComposer({ helpers, deviceFolder, put });
    await composer.composeCommon(kernel.architecture, signal);
    await composeModules(composer, volume, kernel, signal);
    await composeWifi(composer, volume, kernel, signal);
    return Buffer.concat(parts);
  };
}
