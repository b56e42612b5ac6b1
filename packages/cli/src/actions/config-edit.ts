import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
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

const textIn = (document: BootDocument, format: Format): string =>
  format === 'json' ? documentText(document) : stringify(document);

/** What was written, checked; the caller says where it is kept. */
const read = (text: string, format: Format): BootDocument => {
  const parsed = BootDocument.safeParse(valueOf(text, format));
  if (parsed.success) return parsed.data;
  const why = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; ');
  throw new UsageError(`This is no config: ${why}`, 'The keys there are: docs/how-to/boot-configs.md.');
};

const valueOf = (text: string, format: Format): unknown => {
  try {
    return format === 'json' ? JSON.parse(text) : (parse(text) ?? {});
  } catch (error) {
    throw new UsageError(
      `This is no config: ${error instanceof Error ? error.message : String(error)}`,
      `Write it as ${format === 'json' ? 'JSON' : 'YAML'}.`,
    );
  }
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
  const before = textIn(current.document, format);
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
    const saved = await save(cli, client, current, read(text, format));
    isDone = true;
    show(cli, saved, `${layer} is changed: version ${saved.version}.\n`);
  } finally {
    if (isDone) await rm(folder, { recursive: true, force: true });
    else cli.io.err(`What you wrote is kept in ${file}\n`);
  }
};
