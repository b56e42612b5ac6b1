/** SD cards: any image, with the settings of one board baked in, onto a card in a reader or into a file. */
export type { DiskFacts, DiskPart, DiskUse } from './disk/facts.js';
export type { CardImage } from './image/card-image.js';
export { openImageFile } from './image/image-file.js';
export { cardColumns, cardName, parseCardList, type CardColumn, type CardRow } from './list/card-list.js';
export { readCardArchive, type CardFile } from './self-updating/boot-set.js';
export { makeSelfUpdatingImage, type SelfUpdatingDisk } from './self-updating/disk.js';
export { pointerText, selfUpdatingFiles, type SelfUpdatingCard, type SetName } from './self-updating/files.js';
export { requireGiven, type Given } from './settings/baked.js';
export type { Wifi } from './settings/wifi.js';
export type { OnProgress } from './write/copy.js';
export type { Growth } from './write/grow.js';
export { writeCard, writeCardFile, type DevicePlan, type MadeCard } from './write/write-card.js';
