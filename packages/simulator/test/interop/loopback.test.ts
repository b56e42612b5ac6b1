import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelNames, models } from '../../src/models.js';
import type { FleetSummary } from '../../src/fleet.js';
import { bootFiles, writeFiles } from '../support/boot-folder.js';
import { times } from '../support/runs.js';
import {
  createLab,
  proxyArguments,
  runSimulator,
  startDnsmasq,
  stepOf,
  type Lab,
  type Service,
} from '../support/lab.js';

describe('boards behind a stand-in for a relay, on loopback', () => {
  let lab: Lab;
  let place: string;
  let dnsmasq: Service;

  const board = (model: string, serial: string, ...args: readonly string[]) =>
    runSimulator(place, [
      '--model',
      model,
      '--serial',
      serial,
      '--boot-server',
      '127.0.0.1',
      '--address',
      '127.16.0.1',
      ...args,
    ]);

  beforeAll(async () => {
    lab = await createLab();
    place = await lab.namespace('lo');
    const { 'start4.elf': _start, ...withoutStart } = bootFiles;
    const { 'bcm2712-rpi-5-b.dtb': _tree, ...withoutTree } = bootFiles;
    await writeFiles(lab.folder, { ...bootFiles, 'bootcode.bin': bootFiles['start.elf'] ?? '' });
    await writeFiles(`${lab.folder}/abcdef01`, bootFiles);
    await writeFiles(`${lab.folder}/abcdef02`, withoutStart);
    await writeFiles(`${lab.folder}/abcdef03`, withoutTree);
    dnsmasq = lab.keep(
      await startDnsmasq(
        place,
        'lo',
        proxyArguments('127.0.0.0', lab.folder).map((part) => part.replace('proxy', 'proxy,255.0.0.0')),
      ),
    );
  });

  afterAll(() => lab.close());

  it.each(modelNames)('a %s boots its firmware stage', async (model) => {
    const serial = (models[model].macFromSerial ? '00000000' : '10000000') + 'abcdef01';
    const run = await board(model, serial);
    expect(run.code, run.output).toBe(0);
    expect(stepOf(run, 'network')).toMatchObject({ address: '127.16.0.1', server: '127.0.0.1' });
    expect(run.files.every(({ outcome }) => ['ok', 'terminated', 'not-found'].includes(outcome))).toBe(true);
  });

  it('a server no one here wrote understands the early terminates', async () => {
    const run = await board('4b', '10000000abcdef01');
    expect(run.files.filter(({ outcome }) => outcome === 'terminated').length).toBeGreaterThan(5);
    expect(dnsmasq.log()).toContain('error 0 Early terminate received from 127.16.0.1');
  });

  it('block sizes are 512 for a Pi 3, 1024 for an old EEPROM, 1468 for a new one', async () => {
    const sizes = async (...args: readonly string[]): Promise<unknown> => {
      const run = await board(args[0] ?? '', args[1] ?? '', ...args.slice(2));
      return [...new Set(run.files.filter(({ outcome }) => outcome === 'ok').map(({ blockSize }) => blockSize))];
    };
    expect(await sizes('3b+', '00000000abcdef01')).toEqual([512]);
    expect(await sizes('4b', '10000000abcdef01', '--eeprom', 'date=2020-09-03')).toEqual([1024]);
    expect(await sizes('5', '10000000abcdef01')).toEqual([1468]);
  });

  it('bootcode.bin asks again from another port, and the second answer is dropped', async () => {
    const run = await board('3b+', '00000000abcdef01', '--quirk', 'duplicateRequests=1');
    expect(run.code, run.output).toBe(0);
    const duplicates = run.files.filter(({ purpose }) => purpose === 'duplicate');
    const reads = run.files.filter(({ purpose, path }) => purpose === 'read' && path.startsWith('abcdef01/'));
    expect(duplicates.length).toBe(reads.length);
    expect(duplicates.every(({ outcome }) => outcome === 'terminated' || outcome === 'not-found')).toBe(true);
  });

  it('without files below its prefix a board falls back to the root', async () => {
    for (const [model, serial] of [
      ['3b', '0000000000c0ffee'],
      ['4b', '1000000000c0ffee'],
      ['5', '1000000000c0ffee'],
    ] as const) {
      const run = await board(model, serial);
      expect(run.code, run.output).toBe(0);
      expect(stepOf(run, 'prefix-dropped').prefix).toBe('00c0ffee/');
      expect(stepOf(run, 'loaded').kernel).not.toContain('/');
    }
  });

  it('dies where a real board would when its files are missing', async () => {
    const noStart = await board('4b', '10000000abcdef02');
    expect(stepOf(noStart, 'failed')).toMatchObject({
      step: 'bootloader',
      reason: 'not-found',
      message: 'abcdef02/start4.elf not found',
    });
    const noTree = await board('5', '10000000abcdef03');
    expect(stepOf(noTree, 'failed')).toMatchObject({ step: 'device-tree', reason: 'os-check' });
    expect((await board('4b', '10000000abcdef03')).code).toBe(0);
  });

  describe('large files', () => {
    const big = async (serial: string, name: string, bytes: number): Promise<void> => {
      await mkdir(`${lab.folder}/${serial}`, { recursive: true });
      await writeFiles(`${lab.folder}/${serial}`, { ...bootFiles, 'config.txt': `initramfs ${name} followkernel\n` });
      await writeFile(`${lab.folder}/${serial}/${name}`, '');
      await truncate(`${lab.folder}/${serial}/${name}`, bytes);
    };

    it('an EEPROM before 2025-09-23 stops at block 65535', async () => {
      await big('abcdef04', 'big.cpio', 65_535 * 1024 + 5000);
      const run = await board(
        '4b',
        '10000000abcdef04',
        '--eeprom',
        'date=2020-09-03',
        '--eeprom',
        'TFTP_FILE_TIMEOUT=100000',
      );
      expect(stepOf(run, 'failed')).toMatchObject({ step: 'network', reason: 'too-long' });
      const last = run.files.at(-1);
      expect(last).toMatchObject({ path: 'abcdef04/big.cpio', outcome: 'too-long', size: 65_535 * 1024 });
    });

    it('a later one, or a Pi 3, goes on at 0', async () => {
      await big('abcdef05', 'big.cpio', 65_540 * 512 + 7);
      const run = await board('3b', '00000000abcdef05');
      expect(run.code, run.output).toBe(0);
      expect(run.files.find(({ path, purpose }) => path.endsWith('big.cpio') && purpose === 'read')).toMatchObject({
        outcome: 'ok',
        size: 65_540 * 512 + 7,
      });
    });
  });

  it('a fleet of every model boots in one process, the same again with the same seed', async () => {
    const count = times(40);
    const mix = modelNames.map((model) => `${model}=1`).join(',');
    const fleet = async (): Promise<{ summary: FleetSummary; serials: string[] }> => {
      const args = [
        '--fleet',
        String(count),
        '--models',
        mix,
        '--seed',
        '5',
        '--boot-server',
        '127.0.0.1',
        '--ramp-up-ms',
        '500',
        '--concurrency',
        '40',
      ];
      const { output, code } = await runSimulator(place, args);
      expect(code, output).toBe(0);
      const lines = output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as FleetSummary & { type: string; serial: string });
      const summary = lines.find(({ type }) => type === 'summary');
      if (summary === undefined) throw new Error('no summary');
      return {
        summary,
        serials: lines
          .filter(({ type }) => type === 'board')
          .map(({ serial }) => serial)
          .sort(),
      };
    };
    const first = await fleet();
    expect(first.summary).toMatchObject({ boards: count, up: count, failed: 0, failures: {} });
    expect(first.summary.firmwareMs.count).toBe(count);
    expect((await fleet()).serials).toEqual(first.serials);
  });
});
