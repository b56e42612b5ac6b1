import type { DeviceConsole } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { flagOption, requiredOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { hint, show } from '../show.js';
import { takeKeys } from '../terminal/keys.js';
import { deviceText } from './device.js';

/** Exit code of what the server cannot do now. */
const serverGone = 6;
/** As much as one request may bring. */
const mostAtOnce = 4096;

/** Sends what is typed, in order: what comes while a request is under way goes with the next one. */
function createTyping(client: Client, ref: string, signal: AbortSignal, onFailure: (error: unknown) => void) {
  let waiting: Uint8Array[] = [];
  let sending: Promise<void> | undefined;
  const send = async (): Promise<void> => {
    while (waiting.length > 0) {
      const all = Buffer.concat(waiting);
      waiting = all.length > mostAtOnce ? [all.subarray(mostAtOnce)] : [];
      const body = { base64: all.subarray(0, mostAtOnce).toString('base64') };
      await client.consoles.write({ params: { ref }, body }, { signal });
    }
  };
  return {
    type: (bytes: Uint8Array): void => {
      waiting.push(Uint8Array.from(bytes));
      sending ??= send()
        .catch(onFailure)
        .finally(() => (sending = undefined));
    },
    done: async (): Promise<void> => sending,
  };
}

const textOf = (cli: Cli, bytes: Uint8Array, decoder: InstanceType<typeof TextDecoder>): void => {
  const text = decoder.decode(bytes, { stream: true });
  cli.io.out(cli.json ? `${JSON.stringify({ text })}\n` : text);
};

/** Shows the console, and sends keys to it until Ctrl-]. */
export const open: Action = async (cli, [ref = '']) => {
  const client = connect(cli);
  const decoder = new TextDecoder();
  const isFollowed = cli.options['follow'] !== false;
  if (!isFollowed) {
    const query = { follow: 'false' };
    for await (const bytes of client.text('watchConsole', { params: { ref }, query }, { signal: cli.signal }))
      textOf(cli, bytes, decoder);
    return 0;
  }
  const ending = new AbortController();
  const signal = AbortSignal.any([cli.signal, ending.signal]);
  let failure: Error | undefined;
  const typing = createTyping(client, ref, signal, (error) => {
    failure ??= error instanceof Error ? error : new Error(String(error));
    ending.abort();
  });
  const isRead = !flagOption(cli.options, 'readOnly');
  hint(
    cli,
    process.stdin.isTTY && isRead ? `The console of ${ref}. Ctrl-] ends.` : `The console of ${ref}. Ctrl-C ends.`,
  );
  const keys = isRead ? takeKeys(process.stdin, typing.type) : undefined;
  void keys?.ended.then(async (how) => {
    // What a pipe brought has an answer that somebody may want to see.
    if (how === 'end') return;
    await typing.done();
    ending.abort();
  });
  try {
    for await (const bytes of client.text('watchConsole', { params: { ref } }, { signal })) textOf(cli, bytes, decoder);
  } catch (error) {
    if (failure !== undefined) throw failure;
    if (!ending.signal.aborted) throw error;
  } finally {
    keys?.close();
  }
  if (failure !== undefined) throw failure;
  if (ending.signal.aborted) {
    hint(cli, '');
    return 0;
  }
  hint(cli, `The server ended it. Look again: drover console ${ref}`);
  return serverGone;
};

/** `host`, `host:port` or `[address]:port`. */
const placeOf = (text: string, option: string, defaultPort?: number): { host: string; port: number } => {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number === undefined)
    throw new UsageError(`${option} ${text} is no place of a console`, `Write it like ${option} serial.lan:2001.`);
  return { host, port: number };
};

const consoleOf = (cli: Cli): DeviceConsole => {
  const { options } = cli;
  const tcp = textOption(options, 'tcp');
  if (tcp !== undefined) return { kind: 'tcp', ...placeOf(tcp, '--tcp'), telnet: flagOption(options, 'telnet') };
  const ssh = textOption(options, 'ssh') ?? '';
  const at = ssh.indexOf('@');
  if (at <= 0) throw new UsageError(`--ssh ${ssh} says no user`, 'Write it like --ssh pi@serial.lan.');
  const command = requiredOption(options, 'command', "Say what shows the line: --command 'picocom -q /dev/ttyUSB0'.");
  return { kind: 'ssh', user: ssh.slice(0, at), ...placeOf(ssh.slice(at + 1), '--ssh', 22), command };
};

export const set: Action = async (cli, [ref = '']) => {
  const given = ['tcp', 'ssh'].filter((name) => textOption(cli.options, name) !== undefined).length;
  const isNone = flagOption(cli.options, 'none');
  if (given + (isNone ? 1 : 0) !== 1)
    throw new UsageError('Where the console is is not said, or said twice', 'Give one of --tcp, --ssh and --none.');
  const body = { console: isNone ? null : consoleOf(cli) };
  const device = await connect(cli).devices.update({ params: { ref }, body }, { signal: cli.signal });
  show(cli, device, deviceText(cli.io, device));
};
