import {
  models,
  parseSelector,
  type Device,
  type DeviceFilePut,
  type Image,
  type Model,
  type RootMode,
} from '@drover/contract';
import { tooMany } from '../files/model.js';
import { readFirstBoot, type TypedFirstBoot } from '../first-boot/model.js';

/** What the wizard was told. */
export interface Wish {
  /** `these`: the boards of `boards`. `any`: one that fits. */
  readonly who: 'these' | 'any';
  readonly boards: ReadonlySet<string>;
  readonly model: Model | undefined;
  readonly selector: string;
  /** At least so much; undefined: any. */
  readonly memoryMiB: number | undefined;
  /** Empty: any. */
  readonly site: string;
  /** Key of a label; empty: it does not matter. */
  readonly spread: string;
  /** With `any`: how long to wait for one; undefined: not at all. */
  readonly waitSeconds: number | undefined;
  readonly image: string;
  readonly rootMode: RootMode;
  /** GB; empty: as large as the image. */
  readonly diskSize: string;
  readonly kernelParameters: string;
  /** Seconds; undefined: until somebody releases it. */
  readonly ttlSeconds: number | undefined;
  readonly firstBoot: TypedFirstBoot;
  /** Given to each board once it has its image. */
  readonly files: readonly DeviceFilePut[];
}

/** Whether several boards get the same. */
export const isForMany = ({ who, boards }: Pick<Wish, 'who' | 'boards'>): boolean => who === 'these' && boards.size > 1;

/** Whether somebody asks for a place in the queue. */
export const waits = ({ who, waitSeconds }: Pick<Wish, 'who' | 'waitSeconds'>): boolean =>
  who === 'any' && waitSeconds !== undefined;

/** What the wizard says of the first boot; many boards cannot have one host name. */
const firstBootOf = (wish: Wish) =>
  readFirstBoot(isForMany(wish) ? { ...wish.firstBoot, hostname: '' } : wish.firstBoot);

/** Sites and keys of labels that boards have, to choose from. */
export const choicesOf = (devices: readonly Pick<Device, 'site' | 'labels'>[]) => ({
  sites: [...new Set(devices.map(({ site }) => site))].sort(),
  labels: [...new Set(devices.flatMap(({ labels }) => Object.keys(labels)))].sort(),
});

export const knownModel = (text: string): Model | undefined => models.find((each) => each === text);

/** Why a board cannot run an image, in the image's own words; undefined: nothing is known against it. */
export const unfitBoard = (image: Image | undefined, { model }: Pick<Device, 'model'>): string | undefined => {
  const facts = image?.facts;
  if (facts == null || model === 'other' || facts.models.includes(model)) return undefined;
  return (
    facts.unfit.find((each) => each.model === model)?.reason ??
    `${image?.ref ?? 'the image'} does not run on a ${model}`
  );
};

const gigabytes = 1e9;

const optionProblems = (wish: Wish): readonly string[] => {
  const firstBoot = firstBootOf(wish);
  const many = tooMany(wish.files);
  return [
    ...(firstBoot.ok ? [] : [`First-boot settings: ${firstBoot.problem}`]),
    ...(many === undefined ? [] : [many]),
    ...(waits(wish) && wish.files.length > 0
      ? ['Files are for a board that is there: give them to it on its page, or do not wait.']
      : []),
  ];
};

/** What is still missing or wrong, in the order of the page. */
export const problemsOf = (wish: Wish, image: Image | undefined): readonly string[] => [
  ...(wish.who === 'these' && wish.boards.size === 0 ? ['Choose at least one board.'] : []),
  ...(wish.who === 'any' && wish.selector !== '' && parseSelector(wish.selector) === undefined
    ? ['Write the labels like rack=a,role=sign.']
    : []),
  ...(image === undefined ? ['Choose an image.'] : []),
  ...(wish.rootMode === 'nbd' && wish.diskSize !== '' && !/^\d+(\.\d+)?$/.test(wish.diskSize)
    ? ['Write the size of the disk as a number of GB.']
    : []),
  ...(wish.rootMode === 'sd' && wish.kernelParameters !== '' ? ['Root mode sd takes no kernel parameters.'] : []),
  ...optionProblems(wish),
];

/** The part of a request that is the same for each board. */
export const targetOf = (wish: Wish) => {
  const { image, rootMode, diskSize, kernelParameters, ttlSeconds } = wish;
  const firstBoot = firstBootOf(wish);
  return {
    image,
    rootMode,
    ...(rootMode === 'nbd' && diskSize !== ''
      ? { diskSize: Math.ceil((Number(diskSize) * gigabytes) / 1_048_576) * 1_048_576 }
      : {}),
    ...(kernelParameters === '' ? {} : { kernelParameters }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    ...(firstBoot.ok && firstBoot.put !== undefined ? { firstBoot: firstBoot.put } : {}),
  };
};

/** Any board that fits, as the API is asked for it. */
export const anyOf = (wish: Wish) => ({
  ...targetOf(wish),
  ...(wish.selector === '' ? { any: true } : { selector: wish.selector }),
  ...(wish.model === undefined ? {} : { model: wish.model }),
  ...(wish.memoryMiB === undefined ? {} : { memoryMiB: wish.memoryMiB }),
  ...(wish.site === '' ? {} : { site: wish.site }),
  ...(wish.spread === '' ? {} : { spread: wish.spread }),
});
