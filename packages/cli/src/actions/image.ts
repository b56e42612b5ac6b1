import type { Image, ImageFacts } from '@drover/contract';
import { flagOption, textOption, UsageError, type Action } from '../command.js';
import { connect } from '../connect.js';
import { downloadFile, refuseExisting } from '../download-file.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText, bytesText, safeText } from '../terminal/format.js';
import type { Io } from '../terminal/io.js';
import { factsText } from '../terminal/table.js';

const releaseText = ({ facts }: Image): string | null => facts?.release?.name ?? facts?.release?.id ?? null;

const bits: Readonly<Record<string, string>> = { arm64: '64-bit', armhf: '32-bit', armel: '32-bit', arm: '32-bit' };

const architectureText = ({ architecture }: ImageFacts): string | null =>
  architecture === null
    ? null
    : [architecture, ...(bits[architecture] === undefined ? [] : [bits[architecture]])].join(', ');

/** `kernel8.img 64-bit 6.6.31 (no modules)` */
const kernelText = ({ file, architecture, release, modules }: ImageFacts['kernels'][number]): string =>
  [
    file,
    bits[architecture] ?? 'of another architecture',
    release ?? 'of unknown version',
    ...(modules ? [] : ['(no modules)']),
  ].join(' ');

export const imageText = (io: Io, image: Image): string => {
  const { facts } = image;
  const rows = factsText(io, [
    ['name', image.ref],
    ['id', image.id],
    ['state', image.stateReason === null ? image.state : `${image.state}: ${image.stateReason}`],
    ['visible to', image.tenant === null ? 'every tenant' : image.tenant],
    ['size', image.size === null ? null : bytesText(image.size)],
    ['sha256', image.digest],
    ['release', releaseText(image)],
    ['architecture', facts === null ? null : architectureText(facts)],
    ['models', facts?.models.join(', ')],
    ['root modes', facts?.rootModes.join(', ')],
    ['kernels', facts?.kernels.map(kernelText).join(', ')],
    ['initramfs', facts === null ? null : facts.initramfs.join(', ') || 'none'],
    ['init', facts?.init],
    [
      'partitions',
      facts?.partitions
        .map((part) => `${part.number}:${part.fileSystem ?? part.type} ${bytesText(part.length)}`)
        .join(', '),
    ],
    ['root used', facts?.rootUsedBytes == null ? null : bytesText(facts.rootUsedBytes)],
  ]);
  const warnings = (facts?.warnings ?? []).map((text) => `! ${safeText(text)}\n`);
  const unfit = (facts?.unfit ?? []).map(({ model, reason }) => `not on ${model}: ${safeText(reason)}\n`);
  return [rows, ...warnings, ...unfit].join('');
};

export const list: Action = async (cli) => {
  const name = textOption(cli.options, 'name');
  const images = await gather(cli, connect(cli), 'listImages', { query: name === undefined ? {} : { name } });
  const now = Date.now();
  showList(
    cli,
    images,
    [
      { title: 'IMAGE', value: (image) => image.ref },
      { title: 'STATE', value: (image) => image.state },
      { title: 'SIZE', value: (image) => (image.size === null ? null : bytesText(image.size)), right: true },
      { title: 'ARCH', value: (image) => image.facts?.architecture },
      { title: 'RELEASE', value: releaseText },
      { title: 'MODELS', value: (image) => image.facts?.models.join(',') },
      { title: 'CREATED', value: (image) => agoText(image.createdAt, now) },
    ],
    'No images. Import one: drover image import FILE',
  );
};

const showOne: Action = async (cli, [ref = '']) => {
  const image = await connect(cli).images.get({ params: { ref } }, { signal: cli.signal });
  show(cli, image, imageText(cli.io, image));
};
export { showOne as show };

export const files: Action = async (cli, [ref = '']) => {
  const found = await gather(cli, connect(cli), 'listImageFiles', { params: { ref } });
  showList(
    cli,
    found,
    [
      { title: 'SIZE', value: (file) => (cli.io.isTerminal ? bytesText(file.size) : file.size), right: true },
      { title: 'PATH', value: (file) => file.path },
    ],
    'The boot partition is empty.',
  );
};

export const remove: Action = async (cli, [ref = '']) => {
  await connect(cli).images.delete({ params: { ref } }, { signal: cli.signal });
  show(cli, { deleted: ref }, `${ref} is deleted.\n`);
  hint(cli, 'What only it needed is taken off the disk within two hours.');
};

/** `drover image download`: the whole disk, checked against the digest the server has of it, or the files of a card that asks the server. */
export const download: Action = async (cli, [ref = '']) => {
  const client = connect(cli);
  const image = await client.images.get({ params: { ref } }, { signal: cli.signal });
  const wantsCard = flagOption(cli.options, 'card');
  const [device, server] = [textOption(cli.options, 'device'), textOption(cli.options, 'bootServer')];
  if (!wantsCard && (device !== undefined || server !== undefined))
    throw new UsageError('--device and --boot-server say what a card is told', 'Add --card, or leave them out.');
  const kept = `${image.name}-${image.version}${wantsCard ? '-card.tgz' : '.img'}`;
  const path = textOption(cli.options, 'output') ?? kept;
  await refuseExisting(path);
  const params = { ref: image.id };
  const size = wantsCard
    ? await downloadFile(
        cli,
        (options) => client.download('downloadImageCard', { params, query: { device, server } }, options),
        { path },
      )
    : await downloadFile(cli, (options) => client.download('downloadImageDisk', { params }, options), {
        path,
        sha256: image.digest,
      });
  show(cli, { image: image.ref, file: path, size }, `${path} has ${bytesText(size)}.\n`);
  if (wantsCard) hint(cli, 'Unpack it onto an empty FAT partition; the board that starts from it asks the server.');
};
