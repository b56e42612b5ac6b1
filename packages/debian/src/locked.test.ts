import { expect, it } from 'vitest';
import { parsePackageList, sortPackages } from './locked.js';

const digest = 'ab'.repeat(32);
const list = `Package: openssh-server
Source: openssh (1:9.2p1-2)
Version: 1:9.2p1-2+deb12u3
Architecture: arm64
Description: secure shell (SSH) server
 It lets people in.
Filename: pool/main/o/openssh/openssh-server_9.2p1-2+deb12u3_arm64.deb
Size: 412000
SHA256: ${digest}

Package: nano
Version: 7.2-1
Architecture: arm64
Filename: pool/main/n/nano/nano_7.2-1_arm64.deb
Size: 690000
SHA256: ${digest}

Package: installed
Status: install ok installed
Version: 1
Architecture: all

Package: torn
Version: 1
Architecture: all
Filename: pool/torn.deb
Size: many
SHA256: ${digest}
`;

it('reads a list of packages, without what can be no file', () => {
  expect(parsePackageList(list)).toMatchObject([
    {
      locked: {
        name: 'openssh-server',
        version: '1:9.2p1-2+deb12u3',
        source: 'openssh',
        size: 412_000,
        sha256: digest,
      },
      filename: 'pool/main/o/openssh/openssh-server_9.2p1-2+deb12u3_arm64.deb',
    },
    { locked: { name: 'nano', version: '7.2-1', architecture: 'arm64', source: 'nano' } },
  ]);
});

it('puts packages in one order', () => {
  const names = (packages: { name: string; architecture: string }[]) =>
    sortPackages(packages).map(({ name, architecture }) => `${name}:${architecture}`);
  const [a, b, c] = [
    { name: 'b', architecture: 'arm64' },
    { name: 'a-b', architecture: 'all' },
    { name: 'a', architecture: 'armhf' },
  ] as const;
  expect(names([a, b, c])).toEqual(names([c, b, a]));
});
