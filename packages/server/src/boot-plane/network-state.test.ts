import { describe, expect, it } from 'vitest';
import { createNetworkWatch, type NetworkWatch } from './network-state.js';

const answer = (server: string, options: readonly number[]): Parameters<NetworkWatch['heard']>[0] => ({
  ...{ kind: 'other-server', type: 'offer', mac: 'dc:a6:32:01:02:03', xid: 1, address: '10.0.0.9' },
  ...{ server, options, conflicts: options.length > 0, tftpServer: '10.0.0.254' },
});

describe('what the boot plane knows of its network', () => {
  it('remembers servers with boot options, the last word of each, for ten minutes', () => {
    let now = 0;
    const watch = createNetworkWatch(() => now);
    watch.heard(answer('10.0.0.254', []));
    expect(watch.read([], []).rivals).toEqual([]);
    watch.heard(answer('10.0.0.254', [66]));
    now = 60_000;
    watch.heard(answer('10.0.0.254', [66, 67]));
    expect(watch.read([], []).rivals).toMatchObject([{ server: '10.0.0.254', options: [66, 67], at: 60_000 }]);
    now += 10 * 60_000 + 1;
    expect(watch.read([], []).rivals).toEqual([]);
  });

  it('remembers no more than a few, however many there are', () => {
    const watch = createNetworkWatch(() => 0);
    for (let i = 0; i < 100; i += 1) watch.heard(answer(`10.0.0.${i}`, [66]));
    const { rivals } = watch.read([], []);
    expect(rivals).toHaveLength(32);
    expect(rivals.at(-1)?.server).toBe('10.0.0.99');
  });

  it('tells what is served and what cannot be, in words', () => {
    const served = [{ name: 'eth0', address: '10.0.0.1', netmask: '255.255.255.0' }];
    const refused = [{ address: '10.1.0.1', error: new Error('UDP port 4011 is in use') }];
    expect(createNetworkWatch(() => 0).read(served, refused)).toEqual({
      ...{ served, rivals: [] },
      refused: [{ address: '10.1.0.1', reason: 'UDP port 4011 is in use' }],
    });
  });
});
