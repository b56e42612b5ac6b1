import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/boot/arbitrary.js';
import { foldPath, resolveBootFile, sourceOf, textFiles, textOf } from './boot-tree.js';
import { overlayOf, treeOf } from '../../test/boot/fixtures.js';

describe('finding a boot file', () => {
  const tree = treeOf(['start4.elf', 'Overlays/VC4-kms.dtbo', 'autoboot.txt', 'config.txt'], { config: 'a=1\n' });

  it.each(['overlays/vc4-kms.dtbo', 'OVERLAYS//VC4-KMS.DTBO', './overlays/./vc4-kms.dtbo', 'overlays\\vc4-kms.dtbo'])(
    'ignores case and doubled separators: %s',
    (path) => {
      expect(resolveBootFile(tree, overlayOf(), path)?.size).toBe(100);
    },
  );

  it.each([
    '',
    '/',
    '..',
    'a/../start4.elf',
    '../start4.elf',
    'start4.elf\0',
    'start4.elf\n',
    'x'.repeat(2000),
    'absent',
  ])('has nothing at %j', (path) => {
    expect(resolveBootFile(tree, overlayOf(), path)).toBeUndefined();
  });

  it('prefers what was rendered, and hides what means nothing on a network', () => {
    const rendered = { size: 1, segments: [{ inline: 'YQ==', length: 1 }] };
    const overlay = overlayOf({ 'config.txt': rendered }, ['autoboot.txt']);
    expect(resolveBootFile(tree, overlay, 'CONFIG.TXT')).toBe(rendered);
    expect(resolveBootFile(tree, overlay, 'autoboot.txt')).toBeUndefined();
  });

  it('never leaves the tree', () => {
    fc.assert(
      fc.property(anyText(), (path) => {
        const folded = foldPath(path);
        if (folded === undefined) return;
        expect(folded.split('/')).not.toContain('..');
        expect(folded).not.toMatch(/^\/|\/$|\/\//);
        expect(foldPath(folded)).toBe(folded);
      }),
    );
  });

  it('fills what the extents leave out with zeros', () => {
    const source = sourceOf(tree, { path: 'x', size: 10, extents: [[512, 4]] });
    expect(source.segments).toEqual([
      { blob: tree.image, offset: 512, length: 4 },
      { zero: true, length: 6 },
    ]);
  });

  it('reads texts by folded path, the loaded bytes before the stored text', () => {
    const loaded = { ...tree, texts: { 'Config.txt': 'b=2\n' } };
    expect(textOf(tree, 'config.TXT')).toBe('a=1\n');
    expect(textOf(loaded, 'config.txt')).toBe('b=2\n');
    expect(textFiles(tree).map((file) => file.path)).toEqual(['autoboot.txt', 'config.txt']);
  });
});
