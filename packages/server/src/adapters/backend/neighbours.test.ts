import { expect, it } from 'vitest';
import { macInArpTable } from './neighbours.js';

const table = `IP address       HW type     Flags       HW address            Mask     Device
192.168.1.7      0x1         0x2         DC:A6:32:01:02:03     *        eth0
192.168.1.8      0x1         0x0         00:00:00:00:00:00     *        eth0
`;

it('finds a resolved neighbour, and nobody else', () => {
  expect(macInArpTable(table, '192.168.1.7')).toBe('dc:a6:32:01:02:03');
  expect(macInArpTable(table, '192.168.1.8')).toBeUndefined();
  expect(macInArpTable(table, '192.168.1.77')).toBeUndefined();
  expect(macInArpTable('', '192.168.1.7')).toBeUndefined();
});
