import { randomFillSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMemoryDisk, type MemoryDiskOptions } from '../nbd/memory-disk.js';
import { inFolder, nbdsh, run, runWell, startNbd, type NbdLab } from './nbd-lab.js';

const labs: NbdLab[] = [];
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

async function serve(options: MemoryDiskOptions = {}, change: Parameters<typeof startNbd>[1] = {}) {
  const disk = createMemoryDisk({ size: 8 << 20, ...options });
  const lab = await startNbd({ 'k9-token': disk }, change);
  labs.push(lab);
  return { disk, lab, uri: lab.uri('k9-token') };
}

describe('nbdinfo', () => {
  interface Info {
    readonly protocol: string;
    readonly structured: boolean;
    readonly exports: readonly Record<string, unknown>[];
  }

  it('is told what the export is', async () => {
    const { uri } = await serve({ blockSize: { minimum: 512, preferred: 65_536, maximum: 1 << 20 } });
    const info = JSON.parse(await runWell('nbdinfo', '--json', uri)) as Info;
    expect(info).toMatchObject({ protocol: 'newstyle-fixed', structured: true });
    expect(info.exports[0]).toMatchObject({
      'export-name': 'k9-token',
      description: 'a disk in memory',
      'export-size': 8 << 20,
      contexts: ['base:allocation'],
      is_rotational: false,
      is_read_only: false,
      can_cache: true,
      can_df: true,
      can_fast_zero: true,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
      can_trim: true,
      can_zero: true,
      block_size_minimum: 512,
      block_size_preferred: 65_536,
      block_size_maximum: 1 << 20,
    });
  });

  it('is told what a read-only export without features cannot do', async () => {
    const without = ['flush', 'trim', 'writeZeroes', 'cache', 'blockStatus'] as const;
    const { uri } = await serve({ readOnly: true, canMultiConn: false, without });
    const info = JSON.parse(await runWell('nbdinfo', '--json', uri)) as Info;
    expect(info.exports[0]).toMatchObject({
      contexts: [],
      is_read_only: true,
      can_cache: false,
      can_fast_zero: false,
      can_flush: false,
      can_fua: false,
      can_multi_conn: false,
      can_trim: false,
      can_zero: false,
    });
  });

  it('maps what is allocated', async () => {
    const { disk, uri } = await serve();
    await disk.write(1 << 20, Buffer.alloc(8192, 1), false);
    const map = JSON.parse(await runWell('nbdinfo', '--map', '--json', uri)) as Record<string, unknown>[];
    expect(map.map(({ offset, length, type }) => [offset, length, type])).toEqual([
      [0, 1 << 20, 3],
      [1 << 20, 8192, 0],
      [(1 << 20) + 8192, (7 << 20) - 8192, 3],
    ]);
  });

  it('is not told which exports there are, unless the settings say so', async () => {
    const { lab } = await serve();
    const refused = await run('nbdinfo', '--list', `nbd://127.0.0.1:${lab.port}/`);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('server replied with error to list request');
    expect(lab.requests).toHaveLength(0);
    const open = await serve({}, { listExports: true });
    const info = JSON.parse(await runWell('nbdinfo', '--list', '--json', `nbd://127.0.0.1:${open.lab.port}/`)) as Info;
    expect(info.exports.map((each) => each['export-name'])).toEqual(['k9-token']);
  });

  it('is refused an export that is not there, and no name is ever logged', async () => {
    const { lab } = await serve();
    const { code, stderr } = await run('nbdinfo', lab.uri('guessed-token'));
    expect(code).not.toBe(0);
    expect(stderr).toContain('No such file or directory for export');
    await runWell('nbdinfo', lab.uri('k9-token'));
    expect(JSON.stringify(lab.log)).not.toMatch(/guessed|k9/);
  });
});

describe('nbdcopy', () => {
  const image = (): Buffer => {
    const bytes = Buffer.alloc(8 << 20);
    for (let at = 0; at < bytes.length; at += 1 << 20) randomFillSync(bytes, at, 300_001);
    return bytes;
  };

  it.each([
    ['at-once', 1, 1],
    ['at-once', 4, 64],
    ['later', 4, 64],
  ] as const)(
    'copies in and out, a disk that answers %s, %i connections, %i requests',
    async (answers, conns, requests) => {
      await inFolder(async (folder) => {
        const { disk, lab, uri } = await serve({ answers, holes: true });
        const bytes = image();
        const [from, to] = [join(folder, 'from'), join(folder, 'to')];
        await writeFile(from, bytes);
        const how = ['--connections', String(conns), '--requests', String(requests)];
        await runWell('nbdcopy', ...how, '--flush', from, uri);
        expect(disk.bytes.equals(bytes)).toBe(true);
        expect(disk.log.some(({ kind }) => kind === 'flush')).toBe(true);
        await runWell('nbdcopy', ...how, uri, to);
        expect((await readFile(to)).equals(bytes)).toBe(true);
        expect(new Set(lab.opened.map(({ connection }) => connection)).size).toBeGreaterThanOrEqual(conns);
        expect(lab.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
      });
    },
  );

  it('copies between two of our servers', async () => {
    const [from, to] = [await serve(), await serve({ answers: 'later' })];
    randomFillSync(from.disk.bytes);
    await from.disk.write(0, Buffer.from(from.disk.bytes), false);
    await runWell('nbdcopy', from.uri, to.uri);
    expect(to.disk.bytes.equals(from.disk.bytes)).toBe(true);
  });
});

describe('nbdsh', () => {
  const head = (port: number, before = ''): string => `
import json
${before}
h.set_export_name('k9-token')
h.connect_tcp('127.0.0.1', '${port}')
said = []
def attempt(what, *args):
  try:
    result = what(*args)
    said.append('ok' if result is None or not isinstance(result, (bytes, bytearray)) else bytes(result).hex())
  except nbd.Error as error:
    said.append(error.errno)
`;
  const tail = `
h.shutdown()
print(json.dumps(said))
`;

  describe.each([
    ['structured', ''],
    ['simple', 'h.set_request_structured_replies(False)'],
  ])('with %s replies', (kind, before) => {
    it('reads what it wrote, with every command and flag', async () => {
      const { disk, lab } = await serve();
      const said = await nbdsh<unknown[]>(`${head(lab.port, before)}
said.append(h.get_structured_replies_negotiated())
attempt(h.pwrite, b'drover', 4000)
attempt(h.pread, 6, 4000)
attempt(h.pwrite, b'again', 4096, nbd.CMD_FLAG_FUA)
attempt(h.flush)
attempt(h.trim, 4096, 8192, nbd.CMD_FLAG_FUA)
attempt(h.cache, 4096, 0)
attempt(h.zero, 3, 4001, nbd.CMD_FLAG_NO_HOLE)
attempt(h.zero, 4096, 0, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_FUA)
attempt(h.pread, 6, 4095)
${tail}`);
      const drover = Buffer.from('drover').toString('hex');
      const expected = [kind === 'structured', 'ok', drover, 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', '00616761696e'];
      expect(said).toEqual(expected);
      expect(disk.log.filter(({ kind: each }) => each !== 'read')).toMatchObject([
        { kind: 'write', offset: 4000, fua: false },
        { kind: 'write', offset: 4096, fua: true },
        { kind: 'flush' },
        { kind: 'trim', offset: 8192, length: 4096, fua: true },
        { kind: 'cache', offset: 0, length: 4096 },
        { kind: 'writeZeroes', offset: 4001, length: 3, noHole: true, fast: false, fua: false },
        { kind: 'writeZeroes', offset: 0, length: 4096, noHole: false, fast: true, fua: true },
      ]);
    });

    it('is refused what breaks the rules, and the connection goes on', async () => {
      const { lab } = await serve();
      const said = await nbdsh<unknown[]>(`${head(lab.port, before)}
h.set_strict_mode(0)
size = h.get_size()
attempt(h.pread, 512, size)
attempt(h.pread, 512, size - 511)
attempt(h.pread, 512, 2**63 - 512)
attempt(h.pwrite, b'x' * 512, size)
attempt(h.pwrite, b'x' * 100000, size - 99999)
attempt(h.trim, 512, size)
attempt(h.cache, 512, size)
attempt(h.zero, 512, size)
attempt(h.zero, 2**32 - 1, 0)
attempt(h.block_status, 512, 0, lambda *args: 0)
attempt(h.flush, 0x8000)
attempt(h.pread, 512, 0, 0x40)
attempt(h.pwrite, b'y' * 512, 0, 0x40)
attempt(h.trim, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
attempt(h.pread, 33 * 1024 * 1024, 0)
attempt(h.pwrite, b'z' * (33 * 1024 * 1024), 0)
attempt(h.pread, 0, 0)
attempt(h.pwrite, b'', 0)
attempt(h.trim, 0, 0)
attempt(h.pread, 3, 0)
${tail}`);
      const [inval, nospc] = ['EINVAL', 'ENOSPC'];
      const bounds = [inval, inval, inval, nospc, nospc, inval, inval, nospc, nospc];
      expect(said).toEqual([...bounds, inval, inval, inval, inval, inval, inval, inval, '', 'ok', 'ok', '000000']);
      const event = await vi.waitFor(() => lab.closed[0] ?? expect.unreachable('it is not closed'));
      expect(event).toMatchObject({ by: 'disconnect', traffic: { failedRequests: 16 } });
    });

    it('is not permitted to write what is read-only', async () => {
      const { disk, lab } = await serve({ readOnly: true });
      const said = await nbdsh<unknown[]>(`${head(lab.port, before)}
h.set_strict_mode(0)
attempt(h.pwrite, b'x' * 70000, 0)
attempt(h.trim, 512, 0)
attempt(h.zero, 512, 0)
attempt(h.flush)
attempt(h.pread, 2, 0)
${tail}`);
      expect(said).toEqual(['EPERM', 'EPERM', 'EPERM', 'ok', '0000']);
      expect(disk.log.map(({ kind: each }) => each)).toEqual(['flush', 'read']);
    });

    it('keeps to block sizes, or is refused', async () => {
      const { lab } = await serve({ blockSize: { minimum: 512, preferred: 4096, maximum: 65_536 } });
      const said = await nbdsh<unknown[]>(`${head(lab.port, before)}
h.set_strict_mode(0)
attempt(h.pread, 511, 0)
attempt(h.pread, 512, 1)
attempt(h.pwrite, b'x' * 513, 0)
attempt(h.trim, 100, 0)
attempt(h.pread, 65536 + 512, 0)
attempt(h.pwrite, b'x' * (65536 + 512), 0)
attempt(h.zero, 1048576, 0)
attempt(h.pwrite, b'x' * 65536, 512)
${tail}`);
      expect(said).toEqual([...Array.from({ length: 6 }, () => 'EINVAL'), 'ok', 'ok']);
    });

    it.each(['ENOSPC', 'EIO', 'ENOTSUP', 'ESHUTDOWN', 'ENOMEM'])('hears of a disk that fails with %s', async (code) => {
      const fail = () => Object.assign(new Error('no'), { code });
      const { lab } = await serve({ answers: 'later', fail });
      const said = await nbdsh<unknown[]>(`${head(lab.port, before)}
attempt(h.pread, 512, 0)
attempt(h.pwrite, b'x' * 512, 0)
attempt(h.flush)
attempt(h.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
${tail}`);
      expect(said).toEqual([code, code, code, code]);
    });
  });

  it('asks for the status of blocks, one extent or many', async () => {
    const { disk, lab } = await serve();
    await disk.write(65_536, Buffer.alloc(4096, 1), false);
    const said = await nbdsh<unknown[]>(`${head(lab.port, "h.add_meta_context('base:allocation')")}
def status(count, offset, flags=0):
  got = []
  h.block_status(count, offset, lambda context, at, entries, error: got.append([context, at, list(entries)]) or 0, flags)
  said.append(got)
status(131072, 0)
status(131072, 0, nbd.CMD_FLAG_REQ_ONE)
status(100, 65540)
h.set_strict_mode(0)
attempt(h.block_status, 0, 0, lambda *args: 0)
attempt(h.block_status, 512, h.get_size(), lambda *args: 0)
${tail}`);
    expect(said).toEqual([
      [['base:allocation', 0, [65_536, 3, 4096, 0, 61_440, 3]]],
      [['base:allocation', 0, [65_536, 3]]],
      [['base:allocation', 65_540, [100, 0]]],
      'EINVAL',
      'EINVAL',
    ]);
  });

  it('reads holes as holes, and in one chunk when it says so', async () => {
    const { disk, lab } = await serve({ holes: true });
    await disk.write(65_536, Buffer.alloc(4096, 1), false);
    const said = await nbdsh<unknown[]>(`${head(lab.port)}
def pieces(flags):
  got = []
  data = h.pread_structured(131072, 0, lambda part, at, state, error: got.append([len(part), at, state]) or 0, flags)
  said.append([got, data == bytes(65536) + b'\\x01' * 4096 + bytes(61440)])
pieces(0)
pieces(nbd.CMD_FLAG_DF)
${tail}`);
    const [dataState, holeState] = [1, 2];
    const apart = [
      [65_536, 0, holeState],
      [4096, 65_536, dataState],
      [61_440, 69_632, holeState],
    ];
    expect(said).toEqual([
      [apart, true],
      [[[131_072, 0, dataState]], true],
    ]);
  });

  it('haggles: lists contexts, asks twice, leaves', async () => {
    const { lab } = await serve();
    const said = await nbdsh<unknown[]>(`
import json
said = []
h.set_opt_mode(True)
h.set_full_info(True)
h.connect_tcp('127.0.0.1', '${lab.port}')
h.set_export_name('nobody')
try:
  h.opt_info()
except nbd.Error as error:
  said.append(error.errno)
h.set_export_name('k9-token')
h.opt_info()
said.append([h.get_size(), h.get_canonical_export_name(), h.get_export_description()])
for queries in [[], ['base:'], ['base:allocation'], ['x-other:thing']]:
  names = []
  h.clear_meta_contexts()
  for query in queries:
    h.add_meta_context(query)
  h.opt_list_meta_context(lambda name: names.append(name))
  said.append(names)
h.opt_abort()
print(json.dumps(said))
`);
    const context = ['base:allocation'];
    expect(said).toEqual(['ENOENT', [8 << 20, 'k9-token', 'a disk in memory'], context, context, context, []]);
    expect(lab.opened).toHaveLength(0);
  });

  it('enters by NBD_OPT_EXPORT_NAME too', async () => {
    const { lab } = await serve();
    for (const flags of ['nbd.HANDSHAKE_FLAG_FIXED_NEWSTYLE', '0', 'nbd.HANDSHAKE_FLAG_NO_ZEROES']) {
      const said = await nbdsh<unknown[]>(`${head(lab.port, `h.set_handshake_flags(${flags})`)}
said.append([h.get_protocol(), h.get_size()])
attempt(h.pread, 2, 0)
${tail}`);
      const protocol = flags.includes('FIXED') ? 'newstyle-fixed' : 'newstyle';
      expect(said).toEqual([[protocol, 8 << 20], '0000']);
    }
  });

  it('has hundreds of requests under way, answered in any order', async () => {
    const { disk, lab } = await serve({ answers: 'later' });
    for (let at = 0; at < disk.size; at += 4096) disk.bytes.writeUInt32BE(at, at);
    const said = await nbdsh<unknown[]>(`${head(lab.port)}
buffers = [nbd.Buffer(4096) for _ in range(1500)]
for i, buffer in enumerate(buffers):
  h.aio_pread(buffer, 4096 * i)
while h.aio_in_flight() > 0:
  h.poll(-1)
said.append(all(int.from_bytes(buffer.to_bytearray()[:4], 'big') == 4096 * i for i, buffer in enumerate(buffers)))
${tail}`);
    expect(said).toEqual([true]);
  });
});
