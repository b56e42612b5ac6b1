import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { clients, content, fetchWith, sha256, startTftp, type TftpLab } from './tftp-lab.js';
import { badNetwork } from './tftp-relay.js';

const sizes = [0, 1, 511, 512, 513, 1468, 1469, 3_000_000];
const files = new Map(sizes.map((size) => [`files/${size}`, content(size)]));
/** More than 65535 blocks of 512 bytes, and of 8. */
files.set('roll-512', content(65_540 * 512));
files.set('roll-8', content(65_545 * 8));

let lab: TftpLab;
beforeAll(async () => {
  lab = await startTftp(files);
});
afterAll(() => lab.stop());

describe.each(Object.entries(clients))('%s', (_name, client) => {
  it.each(sizes)('gets a file of %i bytes', async (size) => {
    const { bytes, said } = await fetchWith(client, lab.port, `files/${size}`);
    expect(bytes, said).toBeDefined();
    expect(sha256(bytes!)).toBe(sha256(files.get(`files/${size}`)!));
  });

  it('is told at once that a file is not there', async () => {
    const before = Date.now();
    const { bytes } = await fetchWith(client, lab.port, 'absent');
    expect(bytes?.length ?? 0).toBe(0);
    // The first of them that repeats its request does so after five seconds.
    expect(Date.now() - before).toBeLessThan(4500);
    expect(lab.events.at(-1)).toMatchObject({ path: 'absent', outcome: { kind: 'rejected', code: 1 } });
  });
});

describe('beyond block 65535', () => {
  const long = {
    'tftp-hpa, 512 bytes': [clients['tftp-hpa']!, 'roll-512'],
    'curl, 512 bytes': [
      (port: number, name: string, out: string) =>
        ['curl', ['-sS', '--tftp-blksize', '512', `tftp://127.0.0.1:${port}/${name}`, '-o', out]] as const,
      'roll-512',
    ],
    'curl, 8 bytes': [
      (port: number, name: string, out: string) =>
        ['curl', ['-sS', '--tftp-blksize', '8', `tftp://127.0.0.1:${port}/${name}`, '-o', out]] as const,
      'roll-8',
    ],
    'atftp, windows of 16 with 8 bytes': [
      (port: number, name: string, out: string) =>
        [
          'atftp',
          [
            '--option',
            'blksize 8',
            '--option',
            'windowsize 16',
            '-g',
            '-r',
            name,
            '-l',
            out,
            '127.0.0.1',
            String(port),
          ],
        ] as const,
      'roll-8',
    ],
  } as const;

  it.each(Object.entries(long))('%s', async (_name, [client, name]) => {
    const { bytes, said } = await fetchWith(client, lab.port, name);
    expect(bytes, said).toBeDefined();
    expect(sha256(bytes!)).toBe(sha256(files.get(name)!));
    const event = await eventually(() => {
      const last = lab.events.at(-1);
      expect(last).toMatchObject({ path: name, outcome: { kind: 'complete' }, bytes: bytes!.length });
      return last!;
    });
    // A busy machine may stall a client for a second now and then; a roll-over gone wrong repeats thousands.
    expect(event.retransmits).toBeLessThan(100);
  });
});

describe('over a network that loses, doubles and reorders', () => {
  const cases = [
    // curl asks for a time-out of 6 s and gets it: each loss would cost that.
    ['curl', { loss: 0, duplication: 8, reordering: 8, seed: 1 }],
    ['busybox tftp, 1468 bytes', { loss: 2, duplication: 5, reordering: 5, seed: 2 }],
    ['atftp, windows of 8', { loss: 0, duplication: 5, reordering: 3, seed: 3 }],
    ['atftp, windows of 16', { loss: 1, duplication: 3, reordering: 3, seed: 4 }],
  ] as const;

  it.each(cases)('%s gets its file, and the server does not flood it', async (name, weather) => {
    const own = await startTftp(new Map([['f', content(120_000)]]));
    const network = await badNetwork(own.port, weather);
    try {
      const { bytes, said } = await fetchWith(clients[name]!, network.port, 'f');
      expect(bytes, said).toBeDefined();
      expect(sha256(bytes!)).toBe(sha256(content(120_000)));
      // Every block once, and repeats in proportion to the weather: nothing that feeds itself.
      const blocks = Math.floor(120_000 / 1024) + 1;
      expect(network.counts.fromServer).toBeLessThan(blocks * 3 + 50);
    } finally {
      network.close();
      await own.stop();
    }
  });
});

describe('many at once', () => {
  it('serves 24 clients of four kinds in parallel', async () => {
    const kinds = Object.values(clients);
    const all = Array.from({ length: 24 }, (_, i) => fetchWith(kinds[i % kinds.length]!, lab.port, 'files/3000000'));
    const hashes = (await Promise.all(all)).map(({ bytes, said }) => (bytes ? sha256(bytes) : said));
    expect(new Set(hashes)).toEqual(new Set([sha256(files.get('files/3000000')!)]));
  });
});
