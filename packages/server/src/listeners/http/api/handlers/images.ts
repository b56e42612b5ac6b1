import { success } from '@drover/contract';
import type { BootSetDownloads } from '../../../../app/images/boot-set-downloads.js';
import type { ImageDownloads } from '../../../../app/images/downloads.js';
import type { Images } from '../../../../app/images/images.js';
import type { Uploads } from '../../../../app/images/uploads.js';
import type { BytesHandlers, Handlers } from '../handlers.js';

export interface ImageUseCases {
  readonly images: Images;
  readonly uploads: Uploads;
  readonly downloads: ImageDownloads;
  readonly bootSets: BootSetDownloads;
}

type Operations =
  | 'listImages'
  | 'createImage'
  | 'getImage'
  | 'listImageFiles'
  | 'deleteImage'
  | 'createUpload'
  | 'getUpload'
  | 'appendUpload'
  | 'deleteUpload'
  | 'prepareBootSet';

export const imageHandlers = ({ images, uploads, bootSets }: ImageUseCases): Pick<Handlers, Operations> => ({
  listImages: async ({ principal }, { query }) => success(await images.list(principal, query)),
  createImage: ({ principal, also }, { body }) => images.create(principal, body, also),
  getImage: ({ principal }, { params }) => images.get(principal, params.ref),
  listImageFiles: ({ principal }, { params, query }) => images.files(principal, params.ref, query),
  deleteImage: ({ principal, ifMatch }, { params }) => images.remove(principal, params.ref, ifMatch),
  createUpload: ({ principal, also }, { body }) => uploads.create(principal, body, also),
  getUpload: ({ principal }, { params }) => uploads.get(principal, params.id),
  appendUpload: ({ principal, bytes, signal }, { params, query }) =>
    uploads.append(principal, params.id, { ...query, body: bytes, signal }),
  deleteUpload: ({ principal }, { params }) => uploads.remove(principal, params.id),
  prepareBootSet: ({ principal }, { params }) => bootSets.prepare(principal, params.ref),
});

export const imageBytes = ({
  downloads,
  bootSets,
}: ImageUseCases): Pick<BytesHandlers, 'downloadImageDisk' | 'downloadImageCard' | 'downloadBootSet'> => ({
  downloadBootSet: ({ principal }, { params }) => bootSets.archive(principal, params.ref),
  downloadImageCard: ({ principal }, { params, query }) => downloads.card(principal, params.ref, query),
  downloadImageDisk: ({ principal }, { params }) => downloads.disk(principal, params.ref),
});
