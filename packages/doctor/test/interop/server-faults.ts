import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { serverAddress, type DoctorLab, type Examined, type Program } from './doctor-lab.js';

/** What a server notices of itself within seconds: it follows its interfaces, and one plane tells the other. */
const patienceMs = 60_000;

/** Looks from the server's machine until the fault is named. */
const until = async (lab: DoctorLab, fault: string, args: readonly string[]): Promise<Examined> => {
  for (const end = Date.now() + patienceMs; ; await sleep(500)) {
    const examined = await lab.doctor('server', { server: 'http://127.0.0.1:8080', args });
    if (examined.faults.includes(fault)) return examined;
    if (Date.now() > end) throw new Error(`${fault} was never named, but ${examined.faults.join(', ')}`);
  }
};

const messageOf = ({ report }: Examined, fault: string): string | undefined =>
  report.findings.find((each) => each.fault === fault)?.message;

/** Holds PXE's port of an address, which need not be there yet (ip(7), IP_FREEBIND). */
const holder = [
  'import socket, sys, time',
  's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
  's.setsockopt(socket.SOL_IP, 15, 1)',
  's.bind((sys.argv[1], 4011))',
  'print("held", flush=True)',
  'time.sleep(600)',
].join('; ');

const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** Takes TFTP's port from a boot plane that was killed, before the supervisor has another one; as often as that one is quicker. */
const takePort = async (lab: DoctorLab, server: Program): Promise<Program> => {
  for (let tries = 1; ; tries += 1) {
    const { boot } = await lab.planes(server);
    process.kill(boot, 'SIGKILL');
    while (isThere(boot)) await sleep(10);
    try {
      return await lab.dnsmasq('server', '--enable-tftp', '--tftp-root=/usr/share');
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
};

/** Faults of the server's own machine. Each one disturbs it, so they come last, and each one sees to it that it serves again. */
export function describeServerFaults(lab: () => DoctorLab, server: () => Program): void {
  const servesAgain = async (): Promise<void> => {
    for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(500)) {
      const { faults } = await lab().doctor('server', { server: 'http://127.0.0.1:8080' });
      if (!['nothing-served', 'address-refused', 'boot-plane-down', 'not-named'].some((each) => faults.includes(each)))
        return;
    }
    throw new Error('the server does not serve again');
  };

  it('has the fault nothing-served, which is named', async () => {
    await lab().ip('server', 'link', 'set', 'br0', 'down');
    const seen = await until(lab(), 'nothing-served', ['--interface', 'br1']);
    expect(messageOf(seen, 'nothing-served')).toMatch(/boards on no interface/);
    await lab().ip('server', 'link', 'set', 'br0', 'up');
    await servesAgain();
  });

  it('has the fault address-refused, which is named with what the server says', async () => {
    const other = '10.77.0.3';
    const move = async (from: string, to: string): Promise<void> => {
      await lab().ip('server', 'addr', 'del', `${from}/24`, 'dev', 'br0');
      await lab().ip('server', 'addr', 'add', `${to}/24`, 'brd', '+', 'dev', 'br0');
    };
    const held = lab().start('server', 'python3', ['-c', holder, other]);
    await held.says(/held/);
    await move(serverAddress, other);
    const seen = await until(lab(), 'address-refused', ['--interface', 'br1']);
    expect(messageOf(seen, 'address-refused')).toMatch(/at 10\.77\.0\.3: .*4011/);
    await held.end();
    await move(other, serverAddress);
    await servesAgain();
  });

  it('has the fault boot-plane-down, which is named with the program that holds its port', async () => {
    const thief = await takePort(lab(), server());
    const seen = await until(lab(), 'boot-plane-down', ['--interface', 'br0']);
    expect(messageOf(seen, 'boot-plane-down')).toMatch(/boot plane\) is down/);
    expect(messageOf(seen, 'port-taken')).toMatch(/UDP port 69 \(TFTP\) is held by dnsmasq/);
    await thief.end();
    await servesAgain();
  });

  it('has the fault not-named, with its own DHCP off and nobody who names it', async () => {
    await lab().settings({ dhcp: { mode: 'off' } });
    const { supervisor } = await lab().planes(server());
    process.kill(supervisor, 'SIGHUP');
    process.kill(supervisor, 'SIGUSR2');
    const router = await lab().dnsmasq('router', '--dhcp-range=10.77.0.150,10.77.0.199,255.255.255.0,1h');
    const seen = await until(lab(), 'not-named', ['--interface', 'br0']);
    expect(messageOf(seen, 'not-named')).toMatch(/no server of this network names Drover in option 66/);
    await router.end();
    const naming = `--dhcp-option-force=66,${serverAddress}`;
    await lab().dnsmasq('router', '--dhcp-range=10.77.0.150,10.77.0.199,255.255.255.0,1h', naming);
    await servesAgain();
  });
}
