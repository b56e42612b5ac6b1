import { BootDocument } from '@drover/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cardDocument, infoValues, postedDocument } from './card-document.js';

const asCardGets = (posted: unknown): string => cardDocument(BootDocument.parse(postedDocument(posted)));

describe('a document of a card', () => {
  it('has its five keys, empty where nothing is said, and others are left out', () => {
    expect(asCardGets({ usercode: 'YQ==', other: 1, rootfs: { url: 'http://a/r', more: 2 } })).toBe(
      '{"initfs":{"url":"","md5sum":""},"rootfs":{"url":"http://a/r","md5sum":""},"bootcode":"","usercode":"YQ==","config":{}}',
    );
  });

  it('is the same bytes in whatever order it was written, and when it is posted again', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue({ maxDepth: 4 })), (config) => {
        fc.pre(['sdlayout', 'wpa_supplicant'].every((key) => !(key in config)));
        fc.pre(!JSON.stringify(config).includes('__proto__'));
        const once = asCardGets({ config });
        expect(asCardGets({ config: Object.fromEntries(Object.entries(config).reverse()) })).toBe(once);
        expect(asCardGets(JSON.parse(once))).toBe(once);
        expect((JSON.parse(once) as { config: unknown }).config).toEqual(JSON.parse(JSON.stringify(config)));
      }),
    );
  });

  it('is refused where it is not what a card can use', () => {
    const issuesOf = (posted: unknown): string[] =>
      BootDocument.safeParse(postedDocument(posted)).error?.issues.map(({ path }) => path.join('.')) ?? [];
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as unknown;
    expect(issuesOf({ bootcode: 'no base64!' })).toEqual(['bootcode']);
    expect(issuesOf({ config: { sdlayout: '%%%' } })).toEqual(['config.sdlayout']);
    expect(issuesOf({ initfs: { url: 'file:///etc/passwd' } })).toEqual(['initfs.url']);
    expect(issuesOf({ rootfs: { url: 'http://a/b', md5sum: 'x' } })).toEqual(['rootfs.md5sum']);
    expect(issuesOf({ config: deep })).toEqual(['']);
    expect(issuesOf({ config: JSON.parse('{"a":{"__proto__":{"b":1}}}') as unknown })).toEqual(['']);
    expect(issuesOf({ config: { a: 'x'.repeat(256 * 1024) } })).toEqual(['']);
    expect(issuesOf({ config: [] })).toEqual(['config']);
    expect(issuesOf({ usercode: 7 })).toEqual(['usercode']);
    expect(issuesOf({ bootcode: 'ZWNo\nbw==\n' })).toEqual([]);
  });

  it('never ends in anything but a document or a refusal', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: false }), (posted) => {
        const parsed = BootDocument.safeParse(postedDocument(posted));
        if (parsed.success) expect(() => JSON.parse(cardDocument(parsed.data)) as unknown).not.toThrow();
      }),
    );
  });
});

it('values of info.sh are read', () => {
  const text = "INFO='sign 1'\nINITFS='./initfs.tgz'\nINITFSMD5=d41d8cd98f00b204e9800998ecf8427e\n";
  expect(Object.fromEntries(infoValues(text))).toEqual({
    INFO: 'sign 1',
    INITFS: './initfs.tgz',
    INITFSMD5: 'd41d8cd98f00b204e9800998ecf8427e',
  });
});
