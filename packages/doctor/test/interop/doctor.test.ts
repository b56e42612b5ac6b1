import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeHelpers } from '../../../server/test/interop/arm-programs.js';
import { writeTestCard } from './doctor-card.js';
import {
  clientAddress,
  doctorLab,
  farAddress,
  serverAddress,
  type DoctorLab,
  type DoctorOptions,
  type Host,
  type Program,
} from './doctor-lab.js';
import { describeServerFaults } from './server-faults.js';

// Each fault is made with real programs and kernel rules in namespaces, and `drover doctor` is to name it, and on a healthy network nothing.

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const range = (network: string, from: number, to: number): string =>
  `--dhcp-range=${network}.${from},${network}.${to},255.255.255.0,1h`;
const plain = range('10.77.0', 150, 199);

let lab: DoctorLab;
let server: Program;
/** What a test has running, and how it takes back what it did. */
let running: Program[] = [];
let undo: (() => Promise<void>)[] = [];

beforeAll(async () => {
  lab = await doctorLab();
  await writeHelpers(join(lab.folder, 'helpers'));
  server = await lab.serve({
    boot: { interfaces: ['br0'] },
    nfs: { driver: 'ganesha' },
    helpers: { cacheDir: join(lab.folder, 'helpers') },
    images: { importFrom: [lab.folder] },
    log: { level: 'info', format: 'json' },
  });
}, 120_000);
afterAll(() => lab?.close());
afterEach(async () => {
  await Promise.all(running.map((program) => program.end()));
  await lab.noRules();
  for (const step of undo.reverse()) await step();
  [running, undo] = [[], []];
});

const dhcp = async (host: Host, ...args: string[]): Promise<void> =>
  void running.push(await lab.dnsmasq(host, ...args));
const run = (program: Program): Program => (running.push(program), program);
/** `ip` now, and the opposite when the test is over. */
const change = async (host: Host, args: string, back: string): Promise<void> => {
  undo.push(() => lab.ip(host, ...back.split(' ')));
  await lab.ip(host, ...args.split(' '));
};
const simulate = (host: Host, ...args: string[]): Program =>
  run(lab.drover(host, ['simulate', '--os', 'none', ...args]));
/** A board that asks twice a second, for as long as a test needs. */
/** And one that gives up soon. */
const hasty = ['--eeprom', 'DHCP_TIMEOUT=5000', '--eeprom', 'DHCP_REQ_TIMEOUT=500'];
const insistent = ['--eeprom', 'DHCP_TIMEOUT=60000', '--eeprom', 'DHCP_REQ_TIMEOUT=500'];
const here = { server: 'http://127.0.0.1:8080' };

describe('a healthy network', () => {
  it.each<[string, Host, DoctorOptions]>([
    ['from a machine of the segment', 'client', {}],
    ['from the machine of the server', 'server', here],
    ['without a server or a key, by what is on the wire', 'client', { server: '', key: 'none' }],
  ])('has nothing wrong, seen %s', async (_where, host, options) => {
    await dhcp('router', plain);
    const { code, report } = await lab.doctor(host, options);
    expect(report.findings).toEqual([]);
    expect(code).toBe(0);
    const looked = report.checks.filter(({ outcome }) => outcome === 'done').map(({ name }) => name);
    expect(looked).toEqual(
      expect.arrayContaining(['dhcp', 'bpdu', 'link', 'tftp', 'http', 'nbd', 'arp', 'dhcp.heard']),
    );
    expect(await lab.api('client', ['device', 'list', '--json'])).toMatch(/^\[\]/);
  });

  it('is looked at as far as a plain user may, who is told the rest', async () => {
    await dhcp('router', plain);
    const { code, report } = await lab.doctor('client', { as: nobody });
    expect(report.findings).toEqual([]);
    expect(code).toBe(0);
    const left = report.checks.filter(({ outcome }) => outcome === 'skipped');
    expect(left.map(({ name }) => name)).toEqual(expect.arrayContaining(['dhcp', 'bpdu', 'arp', 'firewall']));
    expect(left.every(({ reason }) => /root|CAP_NET/.test(reason ?? ''))).toBe(true);
  });
});

const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all'];

interface Fault {
  readonly made: () => Promise<unknown>;
  /** Looked from; the machine of the segment. */
  readonly from?: Host;
  readonly options?: DoctorOptions;
  /** What the message says among other things. */
  readonly says: RegExp;
  /** Faults that come with it. */
  readonly also?: readonly string[];
}

const faults: readonly (readonly [string, Fault])[] = [
  [
    'no-link',
    {
      made: () => change('server', 'link set to-far down', 'link set to-far up'),
      ...{ from: 'far', options: { server: '', args: ['--interface', 'eth0'] } },
      says: /eth0 has no link/,
    },
  ],
  [
    'spanning-tree',
    {
      made: async () => {
        await dhcp('router', plain);
        await run(lab.start('router', 'python3', [fileOf('send-bpdu.py'), 'eth0', 'rstp'])).says(/sending/);
        await run(lab.start('far', 'python3', [fileOf('send-bpdu.py'), 'eth0', 'pvst'])).says(/sending/);
      },
      says: /\((RSTP|PVST)\) speaks on eth0/,
    },
  ],
  [
    'several-dhcp-servers',
    {
      made: async () => {
        await dhcp('router', plain);
        await dhcp('far', range('10.77.0', 200, 220));
      },
      says: /10\.77\.0\.254 \(.*\) and 10\.77\.0\.7 \(|10\.77\.0\.7 \(.*\) and 10\.77\.0\.254 \(/,
    },
  ],
  ['no-dhcp', { made: () => lab.rule('client', 'input', 'udp dport 68 drop'), says: /Nobody answers.*on eth0/ }],
  ['no-addresses', { made: async () => undefined, says: /nobody hands out addresses/ }],
  [
    'not-answered',
    {
      made: async () => {
        await dhcp('router', plain);
        await lab.rule('server', 'output', 'udp sport 67 drop');
      },
      says: /10\.77\.0\.254 answers boards that ask for an address, but Drover does not/,
    },
  ],
  [
    'wrong-subnet',
    {
      made: async () => {
        await change('router', 'addr add 10.88.0.254/24 dev eth0', 'addr del 10.88.0.254/24 dev eth0');
        await dhcp('router', range('10.88.0', 150, 199), '--dhcp-option=3');
      },
      says: /hands out 10\.88\.0\.\d+ .*Drover \(10\.77\.0\.1\) is not in/,
    },
  ],
  [
    'wrong-interface',
    {
      made: async () => {
        await dhcp('router', plain);
        const board = simulate('stray', '--serial', '100000000000aaaa', '--mode', 'broadcast', ...insistent);
        await board.says(/dhcp-discover/);
      },
      ...{ from: 'server', options: here },
      says: /was heard on br1, where Drover does not serve/,
    },
  ],
  [
    'relay',
    {
      made: async () => {
        await dhcp('router', plain);
        const relayed = ['--boot-server', serverAddress, '--address', farAddress];
        await simulate('far', '--serial', '100000000000bbbb', ...relayed, ...insistent).says(/dhcp-discover/);
      },
      ...{ from: 'server', options: here },
      says: /through the relay 10\.77\.0\.7.*boot\.dhcp\.relay/,
    },
  ],
  [
    'answers-lost',
    {
      made: async () => {
        await dhcp('router', plain);
        await lab.rule('server', 'output', `ip daddr ${clientAddress} udp sport 1024-65535 drop`);
      },
      says: /10\.77\.0\.1 port 69, and no answer comes back/,
    },
  ],
  [
    'mtu',
    {
      made: async () => {
        await dhcp('router', plain);
        await change('client', 'link set eth0 mtu 1400', 'link set eth0 mtu 1500');
      },
      says: /stall in blocks of 1468.*blocks of 512.*MTU of 1400/,
    },
  ],
  [
    // On the way: a switch that drops full packets, which neither end knows of.
    'mtu',
    {
      made: async () => {
        await dhcp('router', plain);
        // A bridge that was told its own, which the same one again is not, keeps that when a port has a smaller one.
        for (const mtu of ['1499', '1500']) await lab.ip('server', 'link', 'set', 'br0', 'mtu', mtu);
        await change('server', 'link set to-client mtu 1400', 'link set to-client mtu 1500');
      },
      says: /stall in blocks of 1468.*blocks of 512.*does not pass full packets\.$/,
      // Its answers do not come either.
      also: ['api-unreachable'],
    },
  ],
  [
    'tftp-closed',
    {
      made: async () => {
        await dhcp('router', plain);
        await lab.rule('server', 'input', 'udp dport 69 reject');
      },
      says: /Nothing listens at 10\.77\.0\.1 port 69/,
    },
  ],
  [
    'nbd-unreachable',
    {
      made: async () => {
        await dhcp('router', plain);
        await lab.rule('server', 'input', 'tcp dport 10809 reject with tcp reset');
        await lab.rule('server', 'input', 'tcp dport 2049 drop');
        await lab.rule('server', 'input', 'tcp dport 8081 drop');
      },
      says: /10\.77\.0\.1 port 10809 cannot be reached from here: the port is closed/,
      also: ['nfs-unreachable', 'http-unreachable'],
    },
  ],
  [
    'api-unreachable',
    {
      made: async () => {
        await dhcp('router', plain);
        await lab.rule('server', 'input', 'tcp dport 8080 reject with tcp reset');
      },
      says: /10\.77\.0\.1:8080 cannot be reached: the port is closed/,
    },
  ],
  [
    'clock',
    {
      made: () => dhcp('router', plain),
      options: { node: ['--import', fileOf('late-clock.mjs')] },
      says: /60 minutes ahead of/,
    },
  ],
  [
    'port-taken',
    {
      made: () => dhcp('far', '--enable-tftp', '--tftp-root=/usr/share'),
      ...{ from: 'far', options: { ...here, args: ['--interface', 'eth0'] } },
      says: /UDP port 69 \(TFTP\) is held by dnsmasq \(process \d+\)/,
      also: ['api-unreachable'],
    },
  ],
  [
    'port-denied',
    {
      made: async () => undefined,
      ...{ from: 'far', options: { ...here, as: nobody, args: ['--interface', 'eth0'] } },
      says: /UDP port 67 \(DHCP\) may not be opened/,
      also: ['api-unreachable'],
    },
  ],
  [
    'duplicate-address',
    {
      made: async () => {
        await change('far', 'addr add 10.77.0.151/24 dev eth0', 'addr del 10.77.0.151/24 dev eth0');
        // The one there is: boards are given addresses by a hash of theirs.
        await dhcp('router', range('10.77.0', 151, 151));
      },
      says: /10\.77\.0\.254 offers the address 10\.77\.0\.151, which/,
    },
  ],
  // Last: the server remembers a rival for a while.
  [
    'rival-server',
    {
      made: () => dhcp('router', plain, `--dhcp-option-force=66,${farAddress}`, '--dhcp-option-force=67,pxelinux.0'),
      says: /10\.77\.0\.254, also tells boards.*option 66, option 67.*10\.77\.0\.7/,
    },
  ],
];

describe('a network where something is wrong', () => {
  it.each(faults)('has the fault %s, which is named with its remedy', async (fault, it_) => {
    await it_.made();
    const { code, report, faults: named } = await lab.doctor(it_.from ?? 'client', it_.options);
    const found = report.findings.find((each) => each.fault === fault);
    expect(named).toContain(fault);
    expect(found?.message).toMatch(it_.says);
    expect(found?.remedy).toMatch(/^[A-Z].*\.$/s);
    expect(code).toBe(4);
    if (it_.from !== 'far') expect(new Set(named)).toEqual(new Set([fault, ...(it_.also ?? [])]));
    else expect(named).toEqual(expect.arrayContaining([...(it_.also ?? [])]));
  });
});

// After the others: the image has a file that is too big for some boards, which is told from now on.
describe('a board that is simulated', () => {
  beforeAll(async () => {
    const path = await writeTestCard(lab.folder);
    await lab.api('server', ['image', 'import', '--path', path, '--name', 'card:1']);
  }, 1_800_000);

  const devices = async (): Promise<string> =>
    lab.api('client', ['device', 'list', '--label', 'doctor=simulation', '--json']);

  it('comes up, over everything a board needs, and leaves no device behind', async () => {
    await dhcp('router', plain);
    const { code, report, said } = await lab.doctor('client', { args: ['--simulate', 'pi4'] });
    expect(report.findings).toMatchObject([{ fault: 'file-too-big', severity: 'warning' }]);
    expect(report.findings[0]?.message).toMatch(/^large\.img of card:1 has 70 MB/);
    expect(code).toBe(4);
    expect(report.observations.at(-1)).toMatchObject({ kind: 'simulation', model: 'pi4', outcome: 'up' });
    expect(report.checks.at(-1)).toMatchObject({ name: 'simulate.pi4', outcome: 'done' });
    expect(said).toBe('');
    expect(await devices()).toMatch(/^\[\]/);
  });

  it('names the first step that does not work, and shows each one before', async () => {
    await dhcp('router', plain);
    await lab.rule('server', 'input', 'tcp dport 8081 reject with tcp reset');
    const options = { args: ['--simulate', 'pi4', '--image', 'card:1'] };
    const { faults: named, report } = await lab.doctor('client', options);
    expect(named).toEqual(expect.arrayContaining(['http-unreachable', 'simulation-failed']));
    const found = report.findings.find(({ fault }) => fault === 'simulation-failed');
    expect(found?.message).toMatch(/simulated pi4 did not come up: it stopped at the step \w+/);
    expect(await devices()).toMatch(/^\[\]/);
  });

  it('is shown to people as it boots, and so is what is wrong', async () => {
    await dhcp('router', plain);
    const program = lab.drover('client', ['doctor', '--seconds', '2', '--simulate', 'pi3'], { key: await lab.key() });
    const said = await run(program).says(/large\.img of card:1[^]*What to do: .*\n[^]*$/);
    expect(said).toMatch(/Listening on eth0 \(10\.77\.0\.101\) for 2 s/);
    expect(said).toMatch(/looked at: Who answers boards that ask for an address \(eth0\)/);
    expect(said).toMatch(/pi3 +\d+\.\d s +dhcp-discover +rom[^]*pi3 +\d+\.\d s +up/);
    expect(said).toMatch(/1 thing is wrong:[^]*warning file-too-big/);
    const addresses = run(lab.start('client', 'ip', ['-4', '-o', 'address', 'show', 'dev', 'eth0']));
    expect((await addresses.says(/inet/)).match(/inet /g)).toHaveLength(1);
  });

  it('is left out with the reason where no image runs on the model', async () => {
    await dhcp('router', plain);
    const { report } = await lab.doctor('client', { args: ['--simulate', 'cm5'] });
    expect(report.checks.at(-1)?.outcome).toBe('skipped');
    expect(report.checks.at(-1)?.reason).toContain('runs on a cm5');
  });
});

// The server tells of both for ten minutes.
describe('two boards with one serial', () => {
  it('are named, as the server has seen both', async () => {
    await dhcp('router', plain);
    for (const mac of ['dc:a6:32:00:00:01', 'dc:a6:32:00:00:02']) {
      await simulate('client', '--serial', '100000000000cccc', '--mac', mac, '--mode', 'broadcast', ...hasty).says(
        /failed/,
      );
    }
    const { faults: named, report } = await lab.doctor('client');
    expect(named).toEqual(['identity-conflict', 'file-too-big']);
    expect(report.findings[0]?.message).toContain('0000cccc');
  });
});

describe('a server where something is wrong', () => {
  describeServerFaults(
    () => lab,
    () => server,
  );
});
