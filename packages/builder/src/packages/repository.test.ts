import { parsePackageList } from '@drover/debian';
import { parseDeb822 } from '@drover/documents';
import { expect, it } from 'vitest';
import { installedState, repositoryIndex } from './repository.js';

const list = parsePackageList(`Package: nano
Version: 7.2-1
Architecture: arm64
Depends: libc6
Description: small editor
 It edits.
Filename: pool/main/n/nano/nano_7.2-1_arm64.deb
Size: 690000
SHA256: ${'ab'.repeat(32)}
`);

it('a repository names kept packages by digest and says all else as their list did', () => {
  const [fields] = parseDeb822(repositoryIndex(list));
  expect(Object.fromEntries(fields ?? [])).toMatchObject({
    filename: `packages/${'ab'.repeat(32)}.deb`,
    depends: 'libc6',
    size: '690000',
    sha256: 'ab'.repeat(32),
  });
});

it('a state has them installed, without what only a list says', () => {
  const [fields] = parseDeb822(installedState(list));
  expect(fields?.get('status')).toBe('install ok installed');
  expect(fields?.get('depends')).toBe('libc6');
  expect([...(fields?.keys() ?? [])]).not.toContain('filename');
});
