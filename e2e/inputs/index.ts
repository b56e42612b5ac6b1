import { fastImage } from './fastImage.js';
import { adverseImage } from './adverseImage.js';
import { fastCompressed, fastUnclean } from './fastVariants.js';
import { fullImage, largeImage } from './fullImage.js';
import { nfsServerMachine } from './nfsServer.js';
import { otherKernel } from './otherKernel.js';

/** Real inputs, each built once and then taken from the cache. See the README beside. */
export const inputs = {
  fast: fastImage,
  fastCompressed,
  fastUnclean,
  full: fullImage,
  large: largeImage,
  adverse: adverseImage,
  otherKernel,
  nfsServer: nfsServerMachine,
};

export type { CompressedInput, Compression, UncleanInput } from './fastVariants.js';
export type { FastImage } from './fastImage.js';
export type { ImageInput } from './imageInput.js';
export type { NfsServerMachine } from './nfsServer.js';
export type { OtherKernel } from './otherKernel.js';
