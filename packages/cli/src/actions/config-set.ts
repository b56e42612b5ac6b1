import { spawn } from 'node:child_process';
import type { BootDocument } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { flagOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect, targetOf } from '../connect.js';
import { hint, show } from '../show.js';
import { safeText } from '../terminal/format.js';
import { currentOf, documentText, layerOf, save } from './config.js';
import { changed, packageIn, type Package } from './config-change.js';

/** Of somebody who changes the same layer at the same time. */
const attempts = 3;
const largestInfo = 64 * 1024;

/** The key goes to the server that it is for, and to no other. */
const fetchPackage = async (cli: Cli): Promise<Package | undefined> => {
  const address = textOption(cli.options, 'package');
  if (address === undefined) return undefined;
  if (!/^https?:\/\//.test(address) || !URL.canParse(address))
    throw new UsageError(
      `--package ${address} is no address`,
      'Write the address of an info.sh: http://server/info.sh',
    );
  const { server, key } = targetOf(cli);
  const isOurs = key !== undefined && new URL(address).origin === new URL(server).origin;
  const answer = await fetch(address, { signal: cli.signal, headers: isOurs ? { 'x-api-key': key } : {} }).catch(
    (error: unknown) => {
      throw new UsageError(
        `${address} cannot be reached (${error instanceof Error ? error.message : String(error)})`,
        'Check the address, and the network of this machine.',
      );
    },
  );
  if (!answer.ok) throw new UsageError(`${address} answers ${answer.status}`, 'Look whether the address is right.');
  const text = await answer.text();
  if (text.length > largestInfo)
    throw new UsageError(
      `${address} is no info.sh: it is too large`,
      'Name the folder that has the info.sh of an image.',
    );
  return packageIn(text, address);
};

/** Runs a command of the shell with the config on its input; gives its exit code. */
const runHook = (command: string, input: string, signal: AbortSignal): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 2, 2], signal });
    // A hook that does not read its input is no mistake.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });

const before = async (cli: Cli, document: BootDocument): Promise<void> => {
  const command = textOption(cli.options, 'before');
  const code = command === undefined ? 0 : await runHook(command, documentText(document), cli.signal);
  if (code !== 0)
    throw new UsageError(`--before ended with ${code}: nothing was changed`, 'Mend what it complains about.');
};

/** The change is made: that what comes after fails is told, and is the exit code. */
const after = async (cli: Cli, document: BootDocument): Promise<number> => {
  const command = textOption(cli.options, 'after');
  const code = command === undefined ? 0 : await runHook(command, documentText(document), cli.signal);
  if (code !== 0) hint(cli, `The config is changed, but --after ended with ${code}.`);
  return code === 0 ? 0 : 1;
};

const isOvertaken = (error: unknown): boolean => error instanceof DroverError && error.code === 'precondition.failed';

export const set: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const client = connect(cli);
  const found = await fetchPackage(cli);
  for (let attempt = 1; ; attempt += 1) {
    const current = await currentOf(cli, client, layer);
    const document = await changed(current.document, cli.options, found);
    if (flagOption(cli.options, 'showOnly')) {
      show(cli, document, safeText(documentText(document)));
      return 0;
    }
    if (attempt === 1) await before(cli, document);
    try {
      const saved = await save(cli, client, current, document);
      const news = saved.version === current.version ? 'says that already' : 'is changed';
      show(cli, saved, `${layer} ${news}: version ${saved.version}.\n`);
      return await after(cli, document);
    } catch (error) {
      if (attempt === attempts || !isOvertaken(error)) throw error;
    }
  }
};
