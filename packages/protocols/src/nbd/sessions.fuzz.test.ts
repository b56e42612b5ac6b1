import { describe, expect, it } from 'vitest';
import { nbdCorpus, packet } from '../../test/support/corpus.js';
import { cases, randomFrom, seed, soak } from '../../test/support/fuzz.js';
import { mutateNbd } from '../../test/support/mutate.js';
import { optionReplies } from '../../test/support/nbd-client.js';
import { settings } from '../../test/support/nbd-handshake.js';
import { play, splitAt, type Played } from '../../test/support/nbd-sessions.js';
import { command } from './constants.js';

const listing = settings({ listExports: true });
const original = (name: string): Played => play([packet(nbdCorpus, name)], listing);
const size = 65_536;

/** Option replies behind the greeting; EXPORT_NAME has an answer of another form, at the very end. */
const replies = ({ sent }: Played) => optionReplies(sent.subarray(18));

describe('recorded sessions', () => {
  it.each([...nbdCorpus.keys()])('of %s are understood to the end', (name) => {
    const { fault, farewell, requests } = original(name);
    expect(fault).toBeUndefined();
    // fio just closes its connection.
    expect(farewell).toBe(name !== 'fio');
    const refused = requests.filter((request) => request.refused !== undefined);
    expect(refused.length > 0).toBe(name === 'nbdsh-strict-off');
  });

  it('of nbdsh, beyond the rules, is refused in the right words', () => {
    const told = original('nbdsh-strict-off').requests.map(({ type, refused }) => [type, refused]);
    expect(told).toEqual([
      [command.read, 'EINVAL'],
      [command.write, 'ENOSPC'],
      [command.trim, 'EINVAL'],
      [command.writeZeroes, 'ENOSPC'],
      [command.flush, 'EINVAL'],
      [command.read, undefined],
      [command.blockStatus, 'EINVAL'],
    ]);
  });

  it('mean the same in any chunks', soak, () => {
    const random = randomFrom(seed);
    const names = [...nbdCorpus.keys()];
    for (let left = cases('protocols/nbd sessions in chunks', 400); left > 0; left -= 1) {
      const name = names[random(names.length)]!;
      const bytes = packet(nbdCorpus, name);
      const places = Array.from({ length: random(60) }, () => random(bytes.length));
      expect({ ...play(splitAt(bytes, places), listing), memory: 0 }, name).toEqual({ ...original(name), memory: 0 });
    }
  });
});

describe('sessions gone wrong', () => {
  it('never get more than they may', soak, () => {
    const random = randomFrom(seed);
    const originals = [...nbdCorpus.values()];
    const ends = { fault: 0, farewell: 0, transmission: 0, open: 0 };
    for (let left = cases('protocols/nbd sessions', 8000); left > 0; left -= 1) {
      const bytes = mutateNbd(originals[random(originals.length)]!, random);
      const tls = (['off', 'optional', 'required'] as const)[random(3)]!;
      const chunks = splitAt(
        bytes,
        Array.from({ length: random(5) }, () => random(bytes.length)),
      );
      const played = play(chunks, settings({ listExports: random(2) === 0, tls }));
      for (const { refused, type, offset, length, payload } of played.requests) {
        if (refused !== undefined) continue;
        expect(offset + length).toBeLessThanOrEqual(size);
        if (type === command.write) expect(payload).toHaveLength(2 * length);
      }
      expect(played.memory).toBeLessThanOrEqual(size);
      if (played.session) ends.transmission += 1;
      else {
        // 64 options with short answers: whatever the client says, it cannot draw more out of us.
        expect(replies(played).length).toBeLessThanOrEqual(64 * 5);
        expect(played.sent.length).toBeLessThan(64 << 10);
      }
      if (played.fault !== undefined) ends.fault += 1;
      else if (played.farewell) ends.farewell += 1;
      else ends.open += 1;
    }
    // The changes neither break everything nor nothing.
    for (const count of Object.values(ends)) expect(count).toBeGreaterThan(100);
  });

  it('mean the same in any chunks, byte by byte at worst', soak, () => {
    const random = randomFrom(seed + 1);
    const originals = [...nbdCorpus.values()].filter((bytes) => bytes.length < 500);
    for (let left = cases('protocols/nbd mutations byte by byte', 500); left > 0; left -= 1) {
      const bytes = mutateNbd(originals[random(originals.length)]!, random);
      const each = splitAt(bytes, Array.from({ length: bytes.length }, (_, i) => i).slice(1));
      const [whole, split] = [play([bytes], listing), play(each, listing)];
      expect({ ...split, memory: 0 }).toEqual({ ...whole, memory: 0 });
    }
  });
});
