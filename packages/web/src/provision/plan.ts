import { models, parseSelector, type Device, type Image, type Model, type RootMode } from '@drover/contract';

/** What the wizard was told. */
export interface Wish {
  /** `these`: the boards of `boards`. `any`: one that fits. */
  readonly who: 'these' | 'any';
  readonly boards: ReadonlySet<string>;
  readonly model: Model | undefined;
  readonly selector: string;
  readonly image: string;
  readonly rootMode: RootMode;
  /** GB; empty: as large as the image. */
  readonly diskSize: string;
  readonly kernelParameters: string;
  /** Seconds; undefined: until somebody releases it. */
  readonly ttlSeconds: number | undefined;
}

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
];

/** The part of a request that is the same for each board. */
export const targetOf = ({ image, rootMode, diskSize, kernelParameters, ttlSeconds }: Wish) => ({
  image,
  rootMode,
  ...(rootMode === 'nbd' && diskSize !== ''
    ? { diskSize: Math.ceil((Number(diskSize) * gigabytes) / 1_048_576) * 1_048_576 }
    : {}),
  ...(kernelParameters === '' ? {} : { kernelParameters }),
  ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
});

/** Any board that fits, as the API is asked for it. */
export const anyOf = (wish: Wish) => ({
  ...targetOf(wish),
  ...(wish.selector === '' ? { any: true } : { selector: wish.selector }),
  ...(wish.model === undefined ? {} : { model: wish.model }),
});
