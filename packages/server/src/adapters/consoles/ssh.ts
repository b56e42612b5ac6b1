import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { DeviceConsole } from '@drover/contract';
import type { ConsoleLine } from '../../app/consoles/ports.js';
import { addressOf, type ConsoleGuard } from './guard.js';

type SshConsole = Extract<DeviceConsole, { kind: 'ssh' }>;

/** Files of the server, by absolute paths. */
export interface SshSettings {
  /** Private key without a passphrase. */
  readonly key?: string | undefined;
  /** Host keys of the hosts that have consoles. */
  readonly knownHosts?: string | undefined;
}

/** Most of what ssh says about itself that is kept. */
const mostSaid = 2000;
/** An ssh that does not end when it is told to is ended, ms. */
const patienceMs = 5_000;

/**
 * Arguments of ssh(1): no configuration, no agent, no password and no host it does not know. What comes from outside stands behind `--` or after an
 * option that takes a value.
 */
export function sshArguments(
  { host, port, user, command }: SshConsole,
  address: string,
  { key, knownHosts }: Required<SshSettings>,
): string[] {
  const options = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    // Quoted: a path may hold blanks.
    UserKnownHostsFile: `"${knownHosts}"`,
    GlobalKnownHostsFile: '/dev/null',
    // The name is resolved and looked at here; its key is kept under the name.
    HostKeyAlias: port === 22 ? host : `[${host}]:${port}`,
    CheckHostIP: 'no',
    IdentityFile: `"${key}"`,
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    PermitLocalCommand: 'no',
    ProxyCommand: 'none',
    ControlPath: 'none',
    EscapeChar: 'none',
    ConnectTimeout: '10',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '3',
    LogLevel: 'ERROR',
  };
  return [
    // A terminal on the other side: the program there ends with the connection.
    ...['-F', '/dev/null', '-tt'],
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...['-p', String(port), '-l', user, '--', address, command],
  ];
}

/** A serial line that a program on another host has. */
export async function openSsh(
  console: SshConsole,
  { key, knownHosts }: SshSettings,
  guard: ConsoleGuard,
  signal: AbortSignal,
): Promise<ConsoleLine> {
  if (key === undefined || knownHosts === undefined)
    throw new Error(
      'the settings consoles.ssh.key and consoles.ssh.knownHosts of the server name no key and no known hosts',
    );
  const address = await addressOf(console.host, guard);
  signal.throwIfAborted();
  const child = spawn('ssh', sshArguments(console, address, { key, knownHosts }), {
    stdio: 'pipe',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TERM: 'vt100' },
  });
  await once(child, 'spawn');
  return lineOf(child);
}

function lineOf(child: ChildProcessWithoutNullStreams): ConsoleLine {
  let said = '';
  const ended = once(child, 'close');
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-mostSaid)));
  child.stdin.on('error', () => undefined);
  return {
    output: (async function* () {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
      await ended;
      if (child.exitCode !== 0) throw new Error(said.trim().split('\n').at(-1) || `ssh ended with ${child.exitCode}`);
    })(),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        child.stdin.write(bytes, (error) => (error == null ? resolve() : reject(error)));
      }),
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      child.stdout.destroy();
      await ended;
      clearTimeout(late);
    },
  };
}
