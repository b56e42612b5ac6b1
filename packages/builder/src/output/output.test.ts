import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { infoScript } from './info.js';
import { ImageManifest, manifestText } from './manifest.js';
import { spdxText } from './spdx.js';

const built = (letter: string) => ({ size: 12, sha256: letter.repeat(64), md5: letter.repeat(32) });
const manifest: ImageManifest = {
  ...{
    format: 1,
    name: 'sign',
    version: '2026-11-28',
    description: "the door's sign; $(reboot)",
    architecture: 'arm64',
  },
  ...{ models: ['pi4'], base: null, sourceDateEpoch: 1_700_000_000, kernels: ['6.1.0-56-arm64'], compression: 'zstd' },
  recipe: { digest: 'c'.repeat(64), chain: [{ name: 'sign', digest: 'd'.repeat(64) }] },
  files: { 'initfs.tgz': built('a'), 'rootfs.sqsh': built('b') },
  packages: [
    {
      name: 'libstdc++6',
      version: '12.2.0-14+deb12u1',
      architecture: 'arm64',
      size: 1,
      sha256: 'e'.repeat(64),
      source: 'gcc-12',
    },
    { name: 'tzdata', version: '2026a-0', architecture: 'all', size: 2, sha256: 'f'.repeat(64), source: 'tzdata' },
  ],
};

describe('what a build says of itself', () => {
  it('is read back as it was', () => {
    expect(ImageManifest.parse(JSON.parse(manifestText(manifest)))).toEqual(manifest);
  });

  it('is a script that a shell takes word for word', () => {
    const script = infoScript(manifest, 'https://drover.example/builds/sign');
    const names = ['INFO', 'INITFS', 'INITFSMD5', 'INITFSSHA256', 'ROOTFS', 'ROOTFSMD5', 'ROOTFSSHA256'];
    const show = names.map((name) => `printf '%s\\n' "$${name}"`).join('; ');
    const said = execFileSync('sh', ['-euc', `${script}${show}`])
      .toString()
      .trimEnd()
      .split('\n');
    expect(said).toEqual([
      "sign:2026-11-28 the door's sign; $(reboot)",
      ...['https://drover.example/builds/sign/initfs.tgz', 'a'.repeat(32), 'a'.repeat(64)],
      ...['https://drover.example/builds/sign/rootfs.sqsh', 'b'.repeat(32), 'b'.repeat(64)],
    ]);
  });

  it('is a bill of materials with each package once, and ids that SPDX allows', () => {
    const document = JSON.parse(spdxText(manifest)) as {
      packages: { SPDXID: string; externalRefs?: { referenceLocator: string }[] }[];
      relationships: { spdxElementId: string; relatedSpdxElement: string; relationshipType: string }[];
      creationInfo: { created: string };
    };
    const ids = document.packages.map(({ SPDXID }) => SPDXID);
    expect(ids).toEqual(['SPDXRef-Image-sign', 'SPDXRef-Package-libstdcPLUSPLUS6-arm64', 'SPDXRef-Package-tzdata-all']);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    expect(document.packages[1]?.externalRefs?.[0]?.referenceLocator).toBe(
      'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=arm64',
    );
    expect(document.relationships.map(({ relationshipType }) => relationshipType)).toEqual([
      'DESCRIBES',
      'CONTAINS',
      'CONTAINS',
    ]);
    expect(document.creationInfo.created).toBe('2023-11-14T22:13:20Z');
    expect(spdxText(manifest)).toBe(spdxText(structuredClone(manifest)));
  });
});
