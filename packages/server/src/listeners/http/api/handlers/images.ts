import { success } from '@drover/contract';
import type { Images } from '../../../../app/images/images.js';
import type { Uploads } from '../../../../app/images/uploads.js';
import type { BytesHandlers, Handlers } from '../handlers.js';

export interface ImageUseCases {
  readonly images: Images;
  readonly uploads: Uploads;
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
  | 'deleteUpload';

/** `getImageDisk` answers with bytes. */
export const imageHandlers = ({
  images,
  uploads,
}: ImageUseCases): { handlers: Pick<Handlers, Operations>; bytes: Pick<BytesHandlers, 'getImageDisk'> } => ({
  handlers: {
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
  },
  bytes: {
    getImageDisk: ({ principal }, { params }) => images.disk(principal, params.ref),
  },
});
