import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/support/fuzz.js';
import { createTelnetClient } from './index.js';

const [iac, will, wont, doIt, dont, sb, se] = [255, 251, 252, 253, 254, 250, 240];
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

describe('a telnet client', () => {
  it('shows what is no command', () => {
    const client = createTelnetClient();
    const { data, reply } = client.read(Uint8Array.from([0x61, iac, iac, 0x62, iac, 241, 0x63]));
    expect([text(data), reply.length]).toEqual(['a\u00ffbc', 0]);
  });

  it('agrees to what leaves plain bytes, refuses the rest, and says so once', () => {
    const client = createTelnetClient();
    const asked = Uint8Array.from([
      iac,
      will,
      1,
      iac,
      will,
      3,
      iac,
      doIt,
      0,
      iac,
      doIt,
      44,
      iac,
      will,
      24,
      iac,
      wont,
      1,
    ]);
    expect([...client.read(asked).reply]).toEqual(
      [
        [iac, doIt, 1],
        [iac, doIt, 3],
        [iac, will, 0],
        [iac, wont, 44],
        [iac, dont, 24],
        [iac, dont, 1],
      ].flat(),
    );
    expect([...client.read(Uint8Array.from([iac, will, 3, iac, doIt, 44])).reply]).toEqual([]);
  });

  it('passes over what is said about options', () => {
    const client = createTelnetClient();
    const bytes = Uint8Array.from([0x61, iac, sb, 44, 1, iac, iac, 2, iac, se, 0x62]);
    expect(text(client.read(bytes).data)).toBe('ab');
  });

  it('doubles the byte that begins a command', () => {
    expect([...createTelnetClient().write(Uint8Array.from([1, 255, 2]))]).toEqual([1, 255, 255, 2]);
  });

  it('reads the same however the bytes are cut, and answers no more than was asked', () => {
    const bytes = fc.array(fc.oneof(fc.constantFrom(255, 250, 240, 251, 253, 1, 3), fc.integer({ min: 0, max: 255 })), {
      maxLength: 60,
    });
    holds('telnet', 500, fc.tuple(bytes, fc.nat(60)), ([all, cut]) => {
      const [whole, pieces] = [createTelnetClient(), createTelnetClient()];
      const at = Math.min(cut, all.length);
      const once = whole.read(Uint8Array.from(all));
      const first = pieces.read(Uint8Array.from(all.slice(0, at)));
      const second = pieces.read(Uint8Array.from(all.slice(at)));
      expect([...first.data, ...second.data]).toEqual([...once.data]);
      expect([...first.reply, ...second.reply]).toEqual([...once.reply]);
      expect(once.reply.length).toBeLessThanOrEqual(all.length);
    });
  });
});
