import { setTimeout as sleep } from 'node:timers/promises';
import { UploadId, type Upload } from '@drover/contract';
import { fileSource } from '../card.js';
import { decided, outcomeOf } from '../asking.js';
import type { House } from '../house.js';
import { judgeDisk } from '../storage.js';
import { endOf, expectSucceeded } from '../world.js';
import { momentIn, type Scenario } from './scenario.js';

const mebibyte = 1024 * 1024;

const append = async (house: House, id: string, offset: number, bytes: Uint8Array): Promise<Upload> => {
  const response = await house.request(`/api/v2/uploads/${id}?offset=${offset}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  if (!response.ok) throw new Error(`PATCH at ${offset}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Upload;
};

/** A kill while a file is uploaded in parts: no acknowledged byte is lost, none comes twice, and the disk is the right one in the end. */
export const uploadScenario: Scenario = async ({ number, random, world, note }) => {
  const { house, press, ledger } = world;
  const name = `upload-${number}`;
  const card = await press.make('xz', name);
  const source = fileSource(card.path, card.size);
  const partSize = random.whole(1, 4 * mebibyte);
  const victim = world.victim(random);
  const killAfter = random.whole(0, card.size);
  const later = momentIn(random, 30);
  note(`${victim} killed ${later} ms after byte ${killAfter} of ${card.size} in parts of ${partSize}`);

  const options = { idempotencyKey: `${name}-begin` };
  const { id } = await house.client.uploads.create({ body: { filename: `${name}.xz`, size: card.size } }, options);
  UploadId.parse(id);
  const kill = await house.arm(victim);
  let acknowledged = 0;
  let firing: Promise<void> | undefined;
  while (acknowledged < card.size) {
    const end = Math.min(acknowledged + partSize, card.size);
    if (end >= killAfter) firing ??= sleep(later).then(() => kill.fire());
    const bytes = await source.read(acknowledged, end);
    const part = await outcomeOf(() => append(house, id, acknowledged, bytes));
    if (part.kind !== 'answered') break;
    acknowledged = part.value.offset;
  }
  firing ??= sleep(later).then(() => kill.fire());
  await firing;
  await kill.recovered();

  const stands = await house.client.uploads.get({ params: { id } });
  note(`${acknowledged} bytes were acknowledged, ${stands.offset} are there`);
  if (stands.offset < acknowledged) throw new Error('acknowledged bytes were lost');
  if (stands.offset > card.size) throw new Error('there are more bytes than were sent');
  if (stands.complete !== (stands.offset === card.size))
    throw new Error(`at ${stands.offset} of ${card.size} it says complete: ${stands.complete}`);
  let at = stands;
  while (!at.complete) {
    const end = Math.min(at.offset + partSize, card.size);
    at = await append(house, id, at.offset, await source.read(at.offset, end));
  }

  const body = { name, version: '1', sha256: card.sha256, source: { kind: 'upload' as const, upload: id } };
  const image = await decided('the import', () => house.once.images.create({ body }, { idempotencyKey: name }));
  if (image.kind !== 'answered') throw new Error(`the import of a whole upload was refused: ${image.code}`);
  ledger.imageAcknowledged(image.value.id, image.value.ref);
  expectSucceeded(await endOf(house, image.value.job ?? ''));
  ledger.imageReady(image.value.id, card.disk);
  await judgeDisk(house, card.disk);
  await house.client.images.delete({ params: { ref: image.value.id } });
  ledger.imageDeleted(image.value.id);
};
