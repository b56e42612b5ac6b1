import type { Image } from '@drover/contract';
import { StemcellProperties } from '../cloud-properties.js';
import { imageNameOf, isImportedBy } from '../digests.js';
import { isRefusal } from '../explain.js';
import { CpiFailure } from '../failure.js';
import { succeed } from '../jobs.js';
import { parse } from '../parse.js';
import type { ArgumentsOf } from '../schemas.js';
import type { Session } from '../session.js';

/** An image by id or name, as Bakery called it too; undefined: there is none. */
export const findImage = async ({ client }: Session, ref: string): Promise<Image | undefined> => {
  for (const each of [ref, `bakeform:${ref}`]) {
    try {
      return await client.images.get({ params: { ref: each } });
    } catch (error) {
      if (!isRefusal(error, 'image.not-found', 'request.invalid')) throw error;
    }
  }
  return undefined;
};

/** Waits until an image that is being imported is there. */
const whenReady = async (session: Session, image: Image): Promise<Image> => {
  if (image.state === 'importing') await succeed(session, image.job);
  const now = await session.client.images.get({ params: { ref: image.id } });
  if (now.state === 'ready') return now;
  throw new CpiFailure('CloudError', `The image ${now.ref} is ${now.state}: ${now.stateReason ?? 'nobody knows why'}.`);
};

export const createStemcell = async (
  session: Session,
  [path, properties]: ArgumentsOf<'create_stemcell'>,
): Promise<string> => {
  const stemcell = parse(StemcellProperties, properties, 'create_stemcell.arguments.1');
  return stemcell.image === undefined ? importImage(session, path, stemcell) : lightStemcell(session, stemcell.image);
};

/** The image is the server's, and stays when the stemcell goes. */
const lightStemcell = async (session: Session, ref: string): Promise<string> => {
  const image = await findImage(session, ref);
  if (image === undefined)
    throw new CpiFailure(
      'CloudError',
      `This light stemcell is of the image ${ref}, and the server has none of that name.`,
    );
  return (await whenReady(session, image)).id;
};

const mostTries = 3;

/** Its name on the server is made of its content: what was imported before, or is being imported by another call, is not imported again. */
const importImage = async (session: Session, path: string, stemcell: StemcellProperties): Promise<string> => {
  const { client, files, director } = session;
  const sha256 = await files.sha256(path).catch((error: Error) => {
    throw new CpiFailure('CloudError', `The image of the stemcell cannot be read: ${error.message}`, { cause: error });
  });
  const { name, version } = imageNameOf(director, stemcell, sha256);
  for (let attempt = 1; ; attempt += 1) {
    const known = await findImage(session, `${name}:${version}`);
    if (known?.state === 'ready') return known.id;
    if (known?.state === 'importing') {
      await client.waitForJob(known.job ?? '');
      if (attempt < mostTries) continue;
    }
    if (known?.state === 'failed') await client.images.delete({ params: { ref: known.id } });
    try {
      return await bring(session, path, { name, version, sha256 });
    } catch (error) {
      if (!isRefusal(error, 'image.exists') || attempt >= mostTries) throw error;
    }
  }
};

/** An upload that is used by nothing goes by itself. */
const bring = async (
  session: Session,
  path: string,
  target: { readonly name: string; readonly version: string; readonly sha256: string },
): Promise<string> => {
  const { client, files } = session;
  const source = { size: await files.size(path), read: (start: number, end: number) => files.read(path, start, end) };
  const upload = await client.upload(source, { filename: 'image' });
  const image = await client.images.create({ body: { ...target, source: { kind: 'upload', upload: upload.id } } });
  try {
    await succeed(session, image.job);
  } catch (error) {
    await client.images.delete({ params: { ref: image.id } }).catch(() => session.log.say(`${image.ref} stays behind`));
    throw error;
  }
  return (await whenReady(session, image)).id;
};

/** A light stemcell was never the director's to delete. */
export const deleteStemcell = async (session: Session, [cid]: ArgumentsOf<'delete_stemcell'>): Promise<null> => {
  const image = await findImage(session, cid);
  if (image === undefined || image.state === 'deleting') return null;
  if (!isImportedBy(session.director, image.name)) {
    session.log.say(`${image.ref} was not imported by this director, and stays`);
    return null;
  }
  try {
    await session.client.images.delete({ params: { ref: image.id } });
  } catch (error) {
    if (!isRefusal(error, 'image.not-found')) throw error;
  }
  return null;
};
