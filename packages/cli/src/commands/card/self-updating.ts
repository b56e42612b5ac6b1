import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSelfUpdatingImage, readCardArchive, selfUpdatingFiles, type CardImage } from '@drover/card';
import { ImageRef } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { textOption, UsageError, type Cli } from '../../command.js';
import { connect } from '../../connect.js';
import { followJob } from '../../jobs.js';
import { createProgressBar } from '../../terminal/progress.js';

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What `--ca` names. */
async function authorityOf({ options }: Cli): Promise<string | undefined> {
  const path = textOption(options, 'ca');
  if (path === undefined) return undefined;
  return readFile(path, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    throw new UsageError(`--ca ${path} cannot be read (${fault.code ?? fault.message})`, 'Name a file in PEM.');
  });
}

/** The files such a card begins with: firmware of the image, its first set of boot files, the server's public key. */
async function filesOf(cli: Cli, client: Client, ref: string) {
  const { signal } = cli;
  const authority = await authorityOf(cli);
  const { job } = await client.call('prepareBootSet', { params: { ref } }, { signal });
  if (job !== null) await followJob(cli, client, job, createProgressBar(cli.io));
  const [card, set, { publicKey }] = [
    await bytesOf(client.download('downloadImageCard', { params: { ref }, query: { server: anyServer } }, { signal })),
    await bytesOf(client.download('downloadBootSet', { params: { ref } }, { signal })),
    await client.call('getCardKeys', {}, { signal }),
  ];
  return selfUpdatingFiles({ firmware: readCardArchive(card), set, settings: new Map(), publicKey, authority });
}

/** Only firmware is taken of that archive, so what it would tell a board is not seen. */
const anyServer = 'http://192.0.2.1:8081';

/** What `--image` names, as a card that updates itself: a small image of one boot partition. Needs a folder of its own until it is written. */
export async function withSelfUpdating<T>(
  cli: Cli,
  named: string | undefined,
  use: (image: CardImage) => Promise<T>,
): Promise<T> {
  if (named === undefined || !ImageRef.safeParse(named).success)
    throw new UsageError(
      '--self-updating takes an image of the server',
      'Name it as name:version: see `drover image list`.',
    );
  const client = connect(cli);
  const { id, ref } = await client.images.get({ params: { ref: named } }, { signal: cli.signal });
  const folder = await mkdtemp(join(tmpdir(), 'drover-card-'));
  try {
    const files = await filesOf(cli, client, id);
    return await use(await makeSelfUpdatingImage(folder, { name: ref, files }, cli.signal));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
