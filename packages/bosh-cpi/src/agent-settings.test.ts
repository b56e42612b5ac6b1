import { DeviceFilePath } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { agentSettings, settingsPath, withDisks } from './agent-settings.js';

const env = { bosh: { mbus: { urls: ['nats://env'] }, password: '*' }, other: 1 };
const made = agentSettings({
  ...{ agentId: 'agent', device: { id: 'dev_1', name: 'pi-1', mac: 'dc:a6:32:00:00:01' }, env },
  networks: {
    default: {
      type: 'manual',
      ip: '10.0.0.4',
      netmask: '255.255.255.0',
      gateway: '10.0.0.1',
      default: ['dns', 'gateway'],
    },
    public: { type: 'vip', ip: '203.0.113.4' },
  },
  ...{ ephemeral: 'bosh-ephemeral-1', persistent: [], defaults: { mbus: 'nats://all', ntp: ['10.0.0.1'] } },
});

describe('settings of an agent', () => {
  it('are all that an agent without a registry needs', () => {
    expect(made).toMatchObject({
      ...{ agent_id: 'agent', vm: { name: 'pi-1', id: 'dev_1' }, mbus: 'nats://all', ntp: ['10.0.0.1'], env },
      disks: { ephemeral: { path: '/dev/bosh/bosh-ephemeral-1' }, persistent: {}, raw_ephemeral: null },
    });
  });
  it('leave the interface of the root alone, and a vip out', () => {
    expect(made['networks']).toEqual({
      default: {
        ...{
          type: 'manual',
          ip: '10.0.0.4',
          netmask: '255.255.255.0',
          gateway: '10.0.0.1',
          default: ['dns', 'gateway'],
        },
        ...{ use_dhcp: false, preconfigured: true, mac: 'dc:a6:32:00:00:01' },
      },
    });
  });
  it('follow the disks', () => {
    const changed = withDisks(made, [{ cid: 'dsk_1', name: 'media' }]);
    expect(changed.disks['persistent']).toEqual({ dsk_1: { id: 'dsk_1', path: '/dev/bosh/media' } });
    expect(withDisks(changed, [])).toEqual(made);
  });
  it('lie where a file of a device may', () => {
    expect(DeviceFilePath.safeParse(settingsPath).success).toBe(true);
  });
});
