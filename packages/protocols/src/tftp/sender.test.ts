import { describe, expect, it } from 'vitest';
import { encodeTftp } from './codec.js';
import { defaultTftpLimits, planTransfer } from './plan.js';
import { createSender, type SenderAction, type TftpSender } from './sender.js';

const ack = (block: number): Uint8Array => encodeTftp({ op: 'ack', block });
const error = (code: number, message: string): Uint8Array => encodeTftp({ op: 'error', code, message });

function senderFor(size: number, options: Record<string, string> = {}): TftpSender {
  const list = Object.entries(options).map(([name, value]) => ({ name, value }));
  const planned = planTransfer({ op: 'rrq', filename: 'f', mode: 'octet', options: list }, size, defaultTftpLimits);
  if (!planned.ok) throw new Error(planned.message);
  return createSender(planned.plan);
}

/** `oack`, `1-4` for a range of blocks, `none`, or how it ended. */
function said(sender: TftpSender, action: SenderAction): string {
  if (action === 'blocks') return `${sender.from}-${sender.to - 1}`;
  return action === 'over' ? sender.outcome!.kind : action;
}

/** Feeds ACK numbers, `tick` or an ERROR and tells what came out, step by step. */
function play(sender: TftpSender, ...steps: readonly (number | 'tick' | Uint8Array)[]): string[] {
  return steps.map((step) =>
    said(sender, step === 'tick' ? sender.tick() : sender.receive(typeof step === 'number' ? ack(step) : step)),
  );
}

describe('one block after the other', () => {
  it('sends the next block for each ACK and ends with a short one', () => {
    const sender = senderFor(1100);
    expect(said(sender, sender.start())).toBe('1-1');
    expect(play(sender, 1, 2, 3)).toEqual(['2-2', '3-3', 'complete']);
    expect(sender.counters()).toMatchObject({ bytes: 1100, blocks: 3, retransmittedBlocks: 0 });
  });

  it('ends a file of whole blocks with an empty one', () => {
    const sender = senderFor(512);
    sender.start();
    expect(play(sender, 1, 2)).toEqual(['2-2', 'complete']);
  });

  it('sends an empty file as one empty block', () => {
    const sender = senderFor(0);
    expect(said(sender, sender.start())).toBe('1-1');
    expect(play(sender, 1)).toEqual(['complete']);
  });

  it('waits for ACK 0 after an OACK', () => {
    const sender = senderFor(2000, { blksize: '1468', tsize: '0' });
    expect(said(sender, sender.start())).toBe('oack');
    expect(play(sender, 1, 0, 0, 1, 2)).toEqual(['none', '1-1', 'none', '2-2', 'complete']);
  });

  it('never answers a duplicate ACK with a second copy (Sorcerer’s Apprentice)', () => {
    const sender = senderFor(5000);
    sender.start();
    expect(play(sender, 1, 1, 1, 0, 1, 2, 2)).toEqual(['2-2', 'none', 'none', 'none', 'none', '3-3', 'none']);
    expect(sender.counters()).toMatchObject({ duplicateAcks: 4, retransmittedBlocks: 0 });
  });

  it('ignores ACKs of blocks it has not sent', () => {
    const sender = senderFor(5000);
    sender.start();
    expect(play(sender, 2, 40_000, 65_535)).toEqual(['none', 'none', 'none']);
  });

  it('rolls over from block 65535 to 0', () => {
    const sender = senderFor(65_537 * 8, { blksize: '8' });
    sender.start();
    sender.receive(ack(0));
    for (let block = 1; block < 65_535; block += 1) sender.receive(ack(block));
    expect(play(sender, 65_535, 0, 1, 2)).toEqual(['65536-65536', '65537-65537', '65538-65538', 'complete']);
    expect(sender.counters().bytes).toBe(65_537 * 8);
  });
});

describe('windows (RFC 7440)', () => {
  const windowed = (): TftpSender => {
    const sender = senderFor(100 * 512, { windowsize: '4' });
    sender.start();
    sender.receive(ack(0));
    return sender;
  };

  it('sends a window for each ACK of a whole one', () => {
    const sender = windowed();
    expect([sender.from, sender.to]).toEqual([1, 5]);
    expect(play(sender, 4, 8)).toEqual(['5-8', '9-12']);
  });

  it('goes back to a gap once', () => {
    const sender = windowed();
    expect(play(sender, 2)).toEqual(['3-6']);
    expect(play(sender, 2, 2, 2)).toEqual(['none', 'none', 'none']);
    expect(sender.counters()).toMatchObject({ retransmittedBlocks: 2, duplicateAcks: 3 });
  });

  it('lets only new blocks out until the client has caught up after a gap', () => {
    const sender = windowed();
    expect(play(sender, 2, 3, 5)).toEqual(['3-6', '7-7', '8-9']);
    expect(play(sender, 9, 10)).toEqual(['10-13', '11-14']);
  });

  it('is not driven round in circles by ACKs for its own repeats', () => {
    const sender = windowed();
    expect(play(sender, 'tick')).toEqual(['1-4']);
    // The client had all four: it acknowledges each repeat.
    expect(play(sender, 4, 4, 4, 4, 8, 12)).toEqual(['5-8', 'none', 'none', 'none', '9-12', '13-16']);
  });

  it('ends with the last block, however many the window would hold', () => {
    const sender = senderFor(600, { windowsize: '16' });
    sender.start();
    expect(play(sender, 0, 2)).toEqual(['1-2', 'complete']);
  });
});

describe('time-outs', () => {
  it('sends again with growing patience and gives up', () => {
    const sender = senderFor(2000);
    sender.start();
    const waits = [sender.waitMs];
    for (let i = 0; i < 5; i += 1) {
      expect(play(sender, 'tick')).toEqual(['1-1']);
      waits.push(sender.waitMs);
    }
    expect(waits).toEqual([1000, 2000, 4000, 4000, 4000, 4000]);
    expect(play(sender, 'tick', 1)).toEqual(['timed-out', 'none']);
    expect(sender.counters()).toMatchObject({ answered: false, retransmittedBlocks: 5 });
  });

  it('starts over with its patience when the client goes on', () => {
    const sender = senderFor(9000);
    sender.start();
    play(sender, 'tick', 'tick', 'tick', 1);
    expect(sender.waitMs).toBe(1000);
    expect(play(sender, 'tick', 'tick', 'tick', 'tick', 'tick', 'tick')).toEqual([
      ...Array<string>(5).fill('2-2'),
      'timed-out',
    ]);
  });

  it('keeps to the time-out the client asked for', () => {
    const sender = senderFor(2000, { timeout: '5' });
    sender.start();
    play(sender, 'tick', 'tick');
    expect(sender.waitMs).toBe(5000);
  });

  it('repeats an OACK', () => {
    const sender = senderFor(2000, { tsize: '0' });
    sender.start();
    expect(play(sender, 'tick', 0)).toEqual(['oack', '1-1']);
    expect(sender.counters()).toMatchObject({ retransmittedOacks: 1, retransmittedBlocks: 0 });
  });
});

describe('ends', () => {
  it('knows the early end of firmware as a probe, after the OACK and after block 1', () => {
    for (const acks of [[], [0], [0, 1]]) {
      const sender = senderFor(5000, { tsize: '0' });
      sender.start();
      play(sender, ...acks, error(0, 'Early terminate'));
      expect(sender.outcome).toEqual({ kind: 'aborted', code: 0, message: 'Early terminate', probe: true });
    }
  });

  it('knows EDK2’s way of asking for the size', () => {
    const sender = senderFor(5000, { tsize: '0', blksize: '1468' });
    sender.start();
    play(sender, error(8, 'User aborted the transfer'));
    expect(sender.outcome).toMatchObject({ kind: 'aborted', code: 8, probe: true });
  });

  it('takes an ERROR in the middle, or of another kind, for what it is', () => {
    const late = senderFor(5000);
    late.start();
    play(late, 1, 2, error(0, 'stop'));
    expect(late.outcome).toMatchObject({ kind: 'aborted', probe: false });
    const full = senderFor(5000);
    full.start();
    play(full, error(3, 'disk full'));
    expect(full.outcome).toMatchObject({ kind: 'aborted', code: 3, probe: false });
  });

  it('counts a closed port after the last block as complete, since only the last ACK is missing', () => {
    const sender = senderFor(700);
    sender.start();
    play(sender, 1, 'tick');
    expect(said(sender, sender.unreachable())).toBe('complete');
  });

  it('counts a closed port before that as given up', () => {
    const sender = senderFor(700);
    sender.start();
    expect(said(sender, sender.unreachable())).toBe('aborted');
    expect(sender.outcome).toMatchObject({ probe: true });
  });

  it('answers a repeated request until it is acknowledged', () => {
    const sender = senderFor(700, { tsize: '0' });
    sender.start();
    expect(said(sender, sender.repeat())).toBe('oack');
    play(sender, 0);
    expect(said(sender, sender.repeat())).toBe('none');
  });

  it('ignores what is no TFTP, and everything after its end', () => {
    const sender = senderFor(700);
    sender.start();
    expect(
      play(sender, Uint8Array.of(), Uint8Array.of(0, 4, 0), Uint8Array.of(9, 4, 0, 1), Uint8Array.of(0, 3, 0, 1)),
    ).toEqual(['none', 'none', 'none', 'none']);
    sender.end({ kind: 'failed', message: 'the disk is gone' });
    expect(play(sender, 1, 'tick', error(0, ''))).toEqual(['none', 'none', 'none']);
    expect(sender.outcome).toEqual({ kind: 'failed', message: 'the disk is gone' });
  });
});
