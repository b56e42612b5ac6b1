import type { Readable } from 'node:stream';
import { ImageCreate, type Image, type Page, type Principal, type Result } from '@drover/contract';
import type { Images } from '../../../app/images/images.js';
import type { Uploads } from '../../../app/images/uploads.js';
import type { Jobs } from '../../../app/jobs/jobs.js';
import { bakeformImage, bakeformOf, imageOfBakeform, type Bakeform } from '../../../domain/bakery.js';
import { answered, failed, refusedAs, settled, type BakeryHandler } from './access.js';

export interface BakeformDeps {
  readonly images: Images;
  readonly uploads: Pick<Uploads, 'create' | 'append' | 'remove'>;
  readonly jobs: Pick<Jobs, 'get'>;
  readonly stopping: AbortSignal;
}

const page = 500;
/** An image of gigabytes is read through, and tried, before its client hears that it is there. */
const patienceMs = 1_800_000;

const nameOf = (request: { readonly params: unknown }): string =>
  (request.params as Record<string, string>)['name'] ?? '';

const list =
  ({ images }: BakeformDeps): BakeryHandler =>
  async (who) => {
    const forms: Record<string, Bakeform> = {};
    let cursor: string | undefined;
    do {
      const part: Page<Image> = await images.list(who, { limit: page, ...(cursor === undefined ? {} : { cursor }) });
      for (const image of part.items) {
        const form = bakeformOf(image.ref);
        if (image.state === 'ready') forms[form.name] = form;
      }
      cursor = part.next ?? undefined;
    } while (cursor !== undefined);
    return answered(200, forms);
  };

/** Takes the bytes in, of whatever length, and has an image made of them. */
async function take(deps: BakeformDeps, who: Principal, name: string, body: Readable): Promise<Result<Image>> {
  const upload = await deps.uploads.create(who, { filename: name });
  if (!upload.ok) return upload;
  const { id } = upload.value;
  const taken = await deps.uploads
    .append(who, id, { offset: 0, final: true, body, signal: deps.stopping })
    .catch(async (error: unknown) => {
      // The client went away in the middle: nobody goes on with it.
      await deps.uploads.remove(who, id);
      throw error;
    });
  const source = { kind: 'upload' as const, upload: id };
  const made = taken.ok
    ? await deps.images.create(who, ImageCreate.parse({ name: bakeformImage, version: name, source }))
    : taken;
  if (!made.ok) await deps.uploads.remove(who, id);
  return made;
}

const create =
  (deps: BakeformDeps): BakeryHandler =>
  async (who, request) => {
    const name = nameOf(request);
    const wanted = ImageCreate.shape.version.safeParse(name);
    if (!wanted.success) return failed(400, `${name} ${wanted.error.issues[0]?.message ?? 'is no name'}`);
    if ((await deps.images.get(who, imageOfBakeform(name))).ok)
      return failed(403, `there is a bakeform ${name} already`);
    const made = await take(deps, who, name, request.body as Readable);
    if (!made.ok) return refusedAs(made, { 'image.exists': 403 });
    const ended = await settled(
      () => deps.images.get(who, made.value.id),
      (now) => !now.ok || now.value.state !== 'importing',
      patienceMs,
    );
    if (ended?.ok === true && ended.value.state === 'ready') return answered(201, bakeformOf(made.value.ref));
    const why = ended?.ok === true ? ended.value.stateReason : null;
    return failed(500, `the image cannot be used: ${why ?? 'it was not ready in time'}`);
  };

/** Calls about bakeforms, which are images here. */
export const bakeformHandlers = (deps: BakeformDeps): Readonly<Record<string, BakeryHandler>> => ({
  'GET /bakeforms': list(deps),
  'POST /bakeforms/:name': create(deps),
  'DELETE /bakeforms/:name': async (who, request) => {
    const done = await deps.images.remove(who, imageOfBakeform(nameOf(request)), undefined);
    return done.ok ? { status: 200 } : refusedAs(done);
  },
});
