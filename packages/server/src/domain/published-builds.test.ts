import { describe, expect, it } from 'vitest';
import type { Build } from '@drover/contract';
import { addressOf, buildIndex, indexPage, infoWithAddresses } from './published-builds.js';

const base = 'http://drover.example:8080';
const digest = 'a'.repeat(64);
const build = (id: string, change: Partial<Build>): Build => ({
  ...{ id: `bld_${id}`, tenant: null, recipe: 'base', source: { kind: 'shipped', name: 'base' }, trigger: 'schedule' },
  ...{ schedule: 'nightly', release: true, publish: true, pinned: false, state: 'succeeded', image: 'base:1' },
  ...{ unchanged: false, manifest: digest, files: [{ name: 'info.sh', sha256: digest, size: 5 }], logBytes: 7 },
  ...{ job: null, error: null, createdAt: '2026-01-01T00:00:00.000Z', startedAt: null, endedAt: null },
  ...change,
});
const failed = build('3', {
  ...{ state: 'failed', image: null, files: [] },
  error: {
    ...{ type: 'x', title: 'x', status: 500, code: 'tool.failed' },
    detail: 'apt-get ended with 100: <b>E: no</b>',
  },
});

describe('the index', () => {
  it('names the newest version, says where its files are, and shows what failed with its reason and log', () => {
    const index = buildIndex(base, [failed, build('2', { image: 'base:2' }), build('1', {})]);
    expect(index.latest).toEqual({ base: '2' });
    expect(index.builds.map(({ version, state }) => [version, state])).toEqual([
      [null, 'failed'],
      ['2', 'succeeded'],
      ['1', 'succeeded'],
    ]);
    expect(index.builds[0]).toMatchObject({
      reason: 'apt-get ended with 100: <b>E: no</b>',
      log: `${base}/api/v2/builds/bld_3/log`,
      files: {},
    });
    expect(index.builds[1]?.files).toEqual({
      'info.sh': { url: `${base}/images/global/base/2/info.sh`, sha256: digest, size: 5 },
    });
  });

  it('shows a version once, though it was built each night', () => {
    const index = buildIndex(base, [build('2', { unchanged: true }), build('1', {})]);
    expect(index.builds.map(({ build: id }) => id)).toEqual(['bld_2']);
  });

  it('is a page too, in which nothing of a build is markup', () => {
    const page = indexPage(buildIndex(base, [failed, build('1', {})]));
    expect(page).toContain('&#60;b&#62;E: no');
    expect(page).not.toContain('<b>');
    expect(page).toContain(`<a href="${base}/images/global/base/1/info.sh">info.sh</a>`);
  });
});

it('gives info.sh addresses of the server, and changes nothing else of it', () => {
  const text = `INFO='base:1 '\\''./x'\\'''\nINITFS='./initfs.tgz'\nINITFSMD5='0'\nROOTFS='./rootfs.sqsh'\n`;
  expect(infoWithAddresses(text, `${base}/images/global/base/1`)).toBe(
    `INFO='base:1 '\\''./x'\\'''\nINITFS='${base}/images/global/base/1/initfs.tgz'\nINITFSMD5='0'\n` +
      `ROOTFS='${base}/images/global/base/1/rootfs.sqsh'\n`,
  );
});

it('takes the address of the server from a request only where it is one', () => {
  expect(addressOf('http', 'pi.example:8080')).toBe('http://pi.example:8080');
  expect(addressOf('https', '[fe80::1]:80')).toBe('https://[fe80::1]:80');
  for (const host of [undefined, '', "a'b", 'a b', 'a/b', 'user@host', 'a:b', 'a\nb'])
    expect(addressOf('http', host)).toBeUndefined();
  expect(addressOf('ftp', 'a')).toBeUndefined();
});
