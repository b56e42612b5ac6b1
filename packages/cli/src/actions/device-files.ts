import { readFile, writeFile } from 'node:fs/promises';
import { textOption, UsageError, type Action } from '../command.js';
import { connect } from '../connect.js';
import { hint, show, showList } from '../show.js';
import { agoText, bytesText } from '../terminal/format.js';

export const files: Action = async (cli, [ref = '']) => {
  const { items } = await connect(cli).deviceFiles.list({ params: { ref } }, { signal: cli.signal });
  const now = Date.now();
  showList(
    cli,
    items,
    [
      { title: 'PATH', value: ({ path }) => path },
      { title: 'MODE', value: ({ mode }) => mode },
      { title: 'OWNER', value: ({ uid, gid }) => `${uid}:${gid}` },
      { title: 'SIZE', value: ({ size }) => bytesText(size), right: true },
      { title: 'CHANGED', value: ({ updatedAt }) => agoText(updatedAt, now) },
    ],
    'No files of its own.',
  );
};

/** `33:44`, or `33` for both. */
function ownerOf(text: string | undefined): { uid: number; gid: number } {
  const [, user, group = user] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text ?? '0') ?? [];
  if (user === undefined) throw new UsageError(`--owner ${text} is no owner`, 'Write numbers: 1000, or 33:44.');
  return { uid: Number(user), gid: Number(group) };
}

export const put: Action = async (cli, [ref = '', local = '', path = '']) => {
  const content = await readFile(local).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${local} cannot be read: ${error.code ?? error.message}`, 'Name a file of this machine.');
  });
  const mode = textOption(cli.options, 'mode') ?? '0644';
  const body = { path, mode, ...ownerOf(textOption(cli.options, 'owner')), content: content.toString('base64') };
  const file = await connect(cli).deviceFiles.put({ params: { ref }, body }, { signal: cli.signal });
  show(cli, file, `${file.path}, ${bytesText(file.size)}\n`);
  hint(cli, `It is there from the next boot on: drover power cycle ${ref}`);
};

export const get: Action = async (cli, [ref = '', path = '']) => {
  const file = await connect(cli).deviceFiles.get({ params: { ref }, query: { path } }, { signal: cli.signal });
  const output = textOption(cli.options, 'output');
  const bytes = Buffer.from(file.content, 'base64');
  if (output === undefined) return show(cli, file, bytes.toString('utf8'));
  // Whoever may read the secrets of a device need not let everybody on this machine do so.
  await writeFile(output, bytes, { mode: 0o600 });
  show(cli, { path, output, size: file.size }, `${output}\n`);
};

export const remove: Action = async (cli, [ref = '', path = '']) => {
  await connect(cli).deviceFiles.delete({ params: { ref }, query: { path } }, { signal: cli.signal });
  show(cli, { deleted: path }, `${path} is not there any more from the next boot on.\n`);
};
