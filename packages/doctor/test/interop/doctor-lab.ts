import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DoctorReport } from '@drover/contract';

const run = promisify(execFile);
const drover = fileURLToPath(new URL('../../../cli/bin/drover.js', import.meta.url));

/** Addresses of the lab: one segment, where Drover, a DHCP server and the machine the doctor looks from are hosts of their own. */
export const serverAddress = '10.77.0.1';
export const routerAddress = '10.77.0.254';
export const farAddress = '10.77.0.7';
export const clientAddress = '10.77.0.101';

/** `stray` is on another interface of the server's machine. */
export type Host = 'server' | 'client' | 'router' | 'far' | 'stray';
const hosts: readonly Host[] = ['server', 'client', 'router', 'far', 'stray'];

export interface Program {
  readonly child: ChildProcess;
  /** Everything it has printed. */
  output(): string;
  /** Waits until the output matches. */
  says(pattern: RegExp): Promise<string>;
  end(): Promise<void>;
}

export interface Examined {
  readonly code: number | null;
  readonly report: DoctorReport;
  /** Ids of what was found. */
  readonly faults: readonly string[];
  /** Everything that was written for people. */
  readonly said: string;
}

export interface DoctorOptions {
  readonly args?: readonly string[];
  /** Arguments of Node itself. */
  readonly node?: readonly string[];
  /** Put before the command: `setpriv ...`. */
  readonly as?: readonly string[];
  /** Default: the lab's server, by its address. */
  readonly server?: string | undefined;
  /** Default: the admin key of the lab's server. */
  readonly key?: string;
}

export interface DoctorLab {
  /** Its own, removed with it. */
  readonly folder: string;
  /** `ip` on a host. */
  ip(host: Host, ...args: readonly string[]): Promise<void>;
  /** A rule of nftables in the one chain of a host's table for tests: `output` or `input`, until `noRules`. */
  rule(host: Host, chain: 'input' | 'output', rule: string): Promise<void>;
  noRules(): Promise<void>;
  /** Runs a program on a host until the lab closes. */
  start(host: Host, program: string, args: readonly string[]): Program;
  dnsmasq(host: Host, ...args: readonly string[]): Promise<Program>;
  /** The command line, as it is installed, on a host. */
  drover(host: Host, args: readonly string[], more?: DoctorOptions): Program;
  /** `drover doctor --json` on a host. */
  doctor(host: Host, options?: DoctorOptions): Promise<Examined>;
  /** Starts Drover with these settings beside the lab's own, and waits until it serves. */
  serve(settings: Readonly<Record<string, unknown>>): Promise<Program>;
  /** Changes `boot` in the settings of the server that runs, which reads them again when it is told to. */
  settings(boot: Readonly<Record<string, unknown>>): Promise<void>;
  /** Process ids of the server. */
  planes(server: Program): Promise<{ readonly supervisor: number; readonly boot: number }>;
  /** A command of the command line with the admin key, to its end. */
  api(host: Host, args: readonly string[]): Promise<string>;
  /** The admin key of its server. */
  key(): Promise<string>;
  close(): Promise<void>;
}

/** Needs root, iproute2, nftables, dnsmasq and tcpdump. */
export async function doctorLab(): Promise<DoctorLab> {
  const id = randomBytes(2).toString('hex');
  const space = (host: Host): string => `drv-doc-${id}-${host}`;
  const programs: Program[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'drover-doctor-'));
  const ip = (...args: string[]) => run('ip', args);

  const close = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.end()));
    for (const host of hosts) await ip('netns', 'del', space(host)).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  };

  const start = (host: Host, program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Program => {
    const command = ['netns', 'exec', space(host), program, ...args];
    const started = watched(spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'], ...(env ? { env } : {}) }));
    programs.push(started);
    return started;
  };

  const file = join(folder, 'drover.json');
  const keyFile = join(folder, 'data/admin.key');
  const environment = async ({
    server = `http://${serverAddress}:8080`,
    key,
  }: DoctorOptions): Promise<NodeJS.ProcessEnv> => ({
    ...{ PATH: process.env['PATH'], HOME: join(folder, 'nobody'), NO_COLOR: '1' },
    ...(server === '' ? {} : { DROVER_SERVER: server }),
    DROVER_KEY: key ?? (await readFile(keyFile, 'utf8').catch(() => '')).trim(),
  });

  const command = (args: readonly string[], { node = [], as = [] }: DoctorOptions): [string, string[]] => {
    const [program = '', ...rest] = [...as, process.execPath, ...node, drover, ...args];
    return [program, rest];
  };

  try {
    await build(ip, space);
    // For the command line as a user without rights.
    await chmod(folder, 0o755);
  } catch (error) {
    await close();
    throw error;
  }

  const lab: DoctorLab = {
    folder,
    start,
    close,
    ip: async (host, ...args) => void (await ip('-n', space(host), ...args)),
    rule: async (host, chain, rule) => {
      const nft = (text: string) => run('ip', ['netns', 'exec', space(host), 'nft', text]);
      await nft('add table inet lab');
      await nft(`add chain inet lab ${chain} { type filter hook ${chain} priority 0; }`);
      await nft(`add rule inet lab ${chain} ${rule}`);
    },
    noRules: async () => {
      for (const host of hosts) await run('ip', ['netns', 'exec', space(host), 'nft', 'flush ruleset']);
    },
    async dnsmasq(host, ...args) {
      const leases = join(folder, `leases-${programs.length}`);
      const common = ['-d', '-p', '0', '-C', '/dev/null', '--pid-file=', `--dhcp-leasefile=${leases}`, '--no-ping'];
      const started = start(host, 'dnsmasq', [...common, '--bind-dynamic', ...args]);
      await started.says(/started, version/);
      return started;
    },
    drover: (host, args, more = {}) => {
      const [program, rest] = command(args, more);
      const { server = `http://${serverAddress}:8080`, key } = more;
      return start(host, program, rest, {
        ...{ PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1' },
        ...{ DROVER_SERVER: server, ...(key === undefined ? {} : { DROVER_KEY: key }) },
      });
    },
    async doctor(host, options = {}) {
      const args = ['doctor', '--json', '--seconds', '2', ...(options.args ?? [])];
      const [program, rest] = command(args, options);
      const child = spawn('ip', ['netns', 'exec', space(host), program, ...rest], {
        ...{ stdio: ['ignore', 'pipe', 'pipe'], env: await environment(options) },
      });
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
      const [code] = (await once(child, 'close')) as [number | null];
      const text = Buffer.concat(out).toString();
      const said = Buffer.concat(err).toString();
      if (!text.startsWith('{') || code === 2) throw new Error(`drover doctor ended with ${code}:\n${text}${said}`);
      const report = DoctorReport.parse(JSON.parse(text));
      return { code, report, faults: report.findings.map(({ fault }) => fault), said };
    },
    async settings(boot) {
      const known = JSON.parse(await readFile(file, 'utf8')) as { boot: object };
      await writeFile(file, JSON.stringify({ ...known, boot: { ...known.boot, ...boot } }));
    },
    async planes({ child }) {
      // The shell of the services became the supervisor; `ip` became the shell.
      const supervisor = child.pid ?? 0;
      for (const until = Date.now() + 20_000; Date.now() < until; await sleep(50)) {
        const boot = await bootPlaneOf(supervisor);
        if (boot !== undefined) return { supervisor, boot };
      }
      throw new Error(`there is no boot plane below ${supervisor}`);
    },
    async serve(settings) {
      await writeFile(file, JSON.stringify({ dataDir: join(folder, 'data'), ...settings }));
      const [program, rest] = command(['serve', '--config', file], {});
      const words = ['-c', nfsServices, 'sh', program, ...rest];
      const started = start('server', 'sh', words, { PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1' });
      await started.says(/"msg":"ready"/);
      return started;
    },
    key: async () => (await readFile(keyFile, 'utf8')).trim(),
    async api(host, args) {
      const key = await lab.key();
      const program = lab.drover(host, args, { key });
      await once(program.child, 'close');
      if (program.child.exitCode !== 0) throw new Error(`drover ${args.join(' ')}:\n${program.output()}`);
      return program.output();
    },
  };
  return lab;
}

/** What nfs-ganesha needs of its machine, of its own and not the host's: a place for sockets in /run, and the port mapper. */
const nfsServices = `
mount -t tmpfs tmpfs /run
mkdir -p /run/ganesha
rpcbind -f -w </dev/null >/dev/null 2>&1 &
exec "$@"
`;

async function build(ip: (...args: string[]) => Promise<unknown>, space: (host: Host) => string): Promise<void> {
  for (const host of hosts) {
    await ip('netns', 'add', space(host));
    await ip('-n', space(host), 'link', 'set', 'lo', 'up');
  }
  for (const bridge of ['br0', 'br1']) {
    await ip('-n', space('server'), 'link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0');
    await ip('-n', space('server'), 'link', 'set', bridge, 'up');
  }
  for (const host of hosts.filter((each) => each !== 'server')) {
    const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', space(host)];
    await ip('link', 'add', `to-${host}`, 'netns', space('server'), ...peer);
    await ip('-n', space('server'), 'link', 'set', `to-${host}`, 'master', host === 'stray' ? 'br1' : 'br0', 'up');
    await ip('-n', space(host), 'link', 'set', 'eth0', 'up');
  }
  const addresses: readonly (readonly [Host, string, string])[] = [
    ['server', serverAddress, 'br0'],
    ['server', '10.78.0.1', 'br1'],
    ['router', routerAddress, 'eth0'],
    ['far', farAddress, 'eth0'],
    ['client', clientAddress, 'eth0'],
    ['stray', '10.78.0.9', 'eth0'],
  ];
  for (const [host, address, card] of addresses)
    await ip('-n', space(host), 'addr', 'add', `${address}/24`, 'brd', '+', 'dev', card);
  await ip('-n', space('client'), 'route', 'add', 'default', 'via', routerAddress);
  await ip('-n', space('stray'), 'route', 'add', 'default', 'via', '10.78.0.1');
}

const childrenOf = async (pid: number): Promise<number[]> =>
  (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean).map(Number);

/** A plane that the supervisor starts anew is not there for a moment. */
const bootPlaneOf = async (supervisor: number): Promise<number | undefined> => {
  for (const pid of await childrenOf(supervisor)) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.some((word) => word.endsWith('plane-main.js')) && words.includes('boot')) return pid;
  }
  return undefined;
};

function watched(child: ChildProcess): Program {
  let output = '';
  const collect = (bytes: Buffer): void => void (output += bytes.toString());
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return {
    child,
    output: () => output,
    async says(pattern) {
      for (const until = Date.now() + 60_000; Date.now() < until;) {
        if (pattern.test(output)) return output;
        if (child.exitCode !== null) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`${pattern} never came:\n${output}`);
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const ended = once(child, 'exit');
      const tooLate = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(tooLate);
    },
  };
}
