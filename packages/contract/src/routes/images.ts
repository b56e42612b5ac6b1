import { z } from 'zod';
import { pageOf, PageQuery } from '../primitives.js';
import { BootFile, Image, ImageCreate, Upload, UploadCreate } from '../resources/image.js';
import { byId, byRef, none, type Route } from './route.js';

/** A board in its initramfs knows no names. */
const BootUrl = z
  .string()
  .max(64)
  .regex(/^http:\/\/(\d{1,3}\.){3}\d{1,3}(:\d{1,5})?$/, 'is not an address like http://192.0.2.1:8081');

export const imagesRoutes = {
  listImages: {
    method: 'GET',
    path: '/images',
    tag: 'images',
    summary: 'Images, newest first',
    role: 'reader',
    query: PageQuery.extend({ name: z.string().max(63).optional() }),
    status: 200,
    answer: pageOf(Image),
  },
  createImage: {
    method: 'POST',
    path: '/images',
    tag: 'images',
    summary: 'Import an image from an upload, a path or a URL',
    role: 'operator',
    body: ImageCreate,
    status: 202,
    answer: Image,
    idempotent: true,
    etag: true,
  },
  getImage: {
    method: 'GET',
    path: '/images/{ref}',
    tag: 'images',
    summary: 'One image by id or name:version',
    role: 'reader',
    params: byRef,
    status: 200,
    answer: Image,
    etag: true,
  },
  listImageFiles: {
    method: 'GET',
    path: '/images/{ref}/files',
    tag: 'images',
    summary: 'Files of the boot partition',
    role: 'reader',
    params: byRef,
    query: PageQuery,
    status: 200,
    answer: pageOf(BootFile),
  },
  downloadImageDisk: {
    method: 'GET',
    path: '/images/{ref}/disk',
    tag: 'images',
    summary: 'The whole disk of an image; ranges let a broken download go on',
    role: 'reader',
    params: byRef,
    status: 200,
    answer: none,
    streams: 'answer-bytes',
  },
  downloadImageCard: {
    method: 'GET',
    path: '/images/{ref}/card.tgz',
    tag: 'images',
    summary: 'Files of a card that asks this server what to boot: a tar.gz to unpack onto one plain FAT partition',
    role: 'reader',
    params: byRef,
    query: z.object({
      /** Where boards reach the server, when it is not where it thinks. */
      server: BootUrl.optional(),
      /** Id or name of the device the card is for; without, any board may start from it. */
      device: z.string().min(1).max(255).optional(),
    }),
    status: 200,
    answer: none,
    streams: 'answer-bytes',
  },
  deleteImage: {
    method: 'DELETE',
    path: '/images/{ref}',
    tag: 'images',
    summary: 'Delete an image that no device uses',
    role: 'operator',
    params: byRef,
    status: 204,
    answer: none,
    etag: true,
  },
  createUpload: {
    method: 'POST',
    path: '/uploads',
    tag: 'images',
    summary: 'Begin a resumable upload',
    role: 'operator',
    body: UploadCreate,
    status: 201,
    answer: Upload,
    idempotent: true,
  },
  getUpload: {
    method: 'GET',
    path: '/uploads/{id}',
    tag: 'images',
    summary: 'How far an upload came',
    role: 'operator',
    params: byId,
    status: 200,
    answer: Upload,
  },
  appendUpload: {
    method: 'PATCH',
    path: '/uploads/{id}',
    tag: 'images',
    summary: 'Append bytes at an offset',
    role: 'operator',
    params: byId,
    query: z.object({ offset: z.coerce.number().int().min(0), final: z.stringbool().default(false) }),
    status: 200,
    answer: Upload,
    streams: 'request-bytes',
  },
  deleteUpload: {
    method: 'DELETE',
    path: '/uploads/{id}',
    tag: 'images',
    summary: 'Give up an upload',
    role: 'operator',
    params: byId,
    status: 204,
    answer: none,
  },
} as const satisfies Record<string, Route>;
