import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BootDocument } from '@drover/contract';
import { textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { hint, show } from '../show.js';
import { currentOf, documentText, layerOf, save } from './config.js';

type Format = 'yaml' | 'json';

const formatOf = ({ options }: Cli): Format => {
  const format = textOption(options, 'format') ?? 'yaml';
  if (format === 'yaml' || format === 'json') return format;
  throw new UsageError(`--format ${format} is neither yaml nor json`, 'Leave it out for yaml.');
};

const textIn = async (document: BootDocument, format: Format): Promise<string> =>
  format === 'json' ? documentText(document) : (await import('yaml')).stringify(document);

/** What was written, checked; the message says where it is kept. */
const read = async (text: string, format: Format): Promise<BootDocument> => {
  const value: unknown = format === 'json' ? JSON.parse(text) : ((await import('yaml')).parse(text) ?? {});
  const parsed = BootDocument.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; '));
};

const openEditor = (cli: Cli, file: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const { editor } = cli.environment;
    // As git does it: the editor may be a command with options, and the file is no part of what the shell reads.
    const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new UsageError(
            `The editor ended with ${code ?? 'a signal'}: nothing was changed`,
            'Set EDITOR to one that works.',
          ),
        );
    });
  });

/** Opens a layer in an editor. A document that is refused stays in its file. */
export const edit: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const format = formatOf(cli);
  const client = connect(cli);
  const current = await currentOf(cli, client, layer);
  const folder = await mkdtemp(join(tmpdir(), 'drover-config-'));
  const file = join(folder, `config.${format}`);
  const before = await textIn(current.document, format);
  await writeFile(file, before, { mode: 0o600 });
  let isDone = false;
  try {
    await openEditor(cli, file);
    const text = await readFile(file, 'utf8');
    if (text === before) {
      isDone = true;
      hint(cli, 'Nothing was changed.');
      return;
    }
    const document = await read(text, format).catch((error: unknown) => {
      throw new UsageError(`This is no config: ${error instanceof Error ? error.message : String(error)}`);
    });
    const saved = await save(cli, client, current, document);
    isDone = true;
    show(cli, saved, `${layer} is changed: version ${saved.version}.\n`);
  } finally {
    if (isDone) await rm(folder, { recursive: true, force: true });
    else cli.io.err(`What you wrote is kept in ${file}\n`);
  }
};
