import { rootModes, type Image, type RootMode } from '@drover/contract';

/** What each way to a root means, in a sentence. */
export const rootModeTexts: Readonly<Record<RootMode, { readonly label: string; readonly text: string }>> = {
  ram: {
    label: 'In memory (ram)',
    text: 'The system is downloaded and runs from memory. Nothing is kept: each boot is a fresh one. Needs memory for the whole system.',
  },
  nbd: {
    label: 'A disk of its own (nbd)',
    text: 'The board gets a disk on the server, made in milliseconds. What it writes is kept over reboots and gone with the release.',
  },
  stream: {
    label: 'Straight from the image (stream)',
    text: 'The system is read from the server as it is needed, and changes are kept in memory until the next boot. For little memory.',
  },
  nfs: {
    label: 'A directory of its own (nfs)',
    text: 'Like a disk of its own, as files that the server can see. The server needs NFS switched on in its settings.',
  },
  sd: {
    label: 'On its card (sd)',
    text: 'The system is kept on the board’s own SD card, updated from here, and starts without the server.',
  },
};

/** Why an image cannot be had in a root mode; undefined: it can, as far as the image goes. */
export const unfitRootMode = (image: Image | undefined, mode: RootMode): string | undefined => {
  if (image?.facts == null || image.facts.rootModes.includes(mode)) return undefined;
  return `${image.ref} has not what it takes`;
};

/** The first way that an image allows. */
export const firstRootMode = (image: Image | undefined): RootMode =>
  rootModes.find((mode) => unfitRootMode(image, mode) === undefined) ?? 'ram';
