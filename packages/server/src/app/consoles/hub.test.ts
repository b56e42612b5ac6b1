import { describe, expect, it } from 'vitest';
import type { DeviceConsole } from '@drover/contract';
import { silentLog } from '../../../test/boot/log.js';
import { createConsoleHub } from './hub.js';
import type { ConsoleLine } from './ports.js';

const place: DeviceConsole = { kind: 'tcp', host: 'serial.lan', port: 2001, telnet: false };
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A line in memory. */
function memoryLine() {
  const typed: string[] = [];
  const shown: (Uint8Array | Error | null)[] = [];
  let wake = (): void => undefined;
  const push = (item: Uint8Array | Error | null): void => {
    shown.push(item);
    wake();
  };
  const state = { closed: false };
  const line: ConsoleLine = {
    output: (async function* () {
      for (;;) {
        const next = shown.shift();
        if (next === null) return;
        if (next instanceof Error) throw next;
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    })(),
    write: async (keys) => void typed.push(Buffer.from(keys).toString()),
    close: async () => {
      state.closed = true;
      push(null);
    },
  };
  return { line, typed, state, show: (text: string) => push(bytes(text)), lose: (why: string) => push(new Error(why)) };
}

function lab(limits: Parameters<typeof createConsoleHub>[0]['limits'] = {}) {
  const lines: ReturnType<typeof memoryLine>[] = [];
  const state: { refuse: string | undefined } = { refuse: undefined };
  const hub = createConsoleHub({
    open: async () => {
      if (state.refuse !== undefined) throw new Error(state.refuse);
      const made = memoryLine();
      lines.push(made);
      return made.line;
    },
    log: silentLog,
    limits: { idleMs: 30, retryMs: 5, ...limits },
  });
  /** One who looks, and what was seen so far. */
  const look = async (console = place) => {
    const leaving = new AbortController();
    const found = await hub.watch('dev', console, leaving.signal);
    if (!found.ok) return { refused: found, seen: () => '', leave: () => undefined, reading: Promise.resolve() };
    let text = '';
    const reading = (async () => {
      for await (const each of found.value) text += Buffer.from(each).toString();
    })();
    return { refused: undefined, seen: () => text, leave: () => leaving.abort(), reading };
  };
  return { hub, lines, state, look };
}

describe('an open console', () => {
  it('is one line, however many look at it, and shows whoever comes later what it has shown', async () => {
    const { hub, lines, look } = lab();
    const first = await look();
    lines[0]?.show('login: ');
    await expect.poll(first.seen).toBe('login: ');
    const second = await look();
    await expect.poll(second.seen).toBe('login: ');
    expect(await hub.write('dev', place, bytes('root\r'))).toEqual({ ok: true, value: null });
    lines[0]?.show('root\r\n');
    await expect.poll(second.seen).toBe('login: root\r\n');
    expect([lines.length, lines[0]?.typed]).toEqual([1, ['root\r']]);
    await hub.stop();
    await Promise.all([first.reading, second.reading]);
    expect(lines[0]?.state.closed).toBe(true);
  });

  it('keeps the last of what it showed', async () => {
    const { hub, lines, look } = lab({ backlog: 10 });
    const first = await look();
    lines[0]?.show('0123456789');
    lines[0]?.show('abcde');
    await expect.poll(first.seen).toBe('0123456789abcde');
    expect(Buffer.from(hub.backlog('dev', place)).toString()).toBe('56789abcde');
    expect(hub.backlog('other', place)).toHaveLength(0);
    await hub.stop();
  });

  it('is closed when nobody has looked for a while, and not before', async () => {
    const { hub, lines, look } = lab();
    const first = await look();
    const second = await look();
    first.leave();
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(lines[0]?.state.closed).toBe(false);
    second.leave();
    await expect.poll(() => lines[0]?.state.closed).toBe(true);
    await look();
    expect(lines).toHaveLength(2);
    await hub.stop();
  });

  it('that is lost is opened again as long as somebody looks, and says so', async () => {
    const { hub, lines, state, look } = lab();
    const first = await look();
    state.refuse = 'connection refused';
    lines[0]?.lose('read ECONNRESET');
    await expect.poll(first.seen).toContain('[drover: the console is lost: read ECONNRESET]');
    state.refuse = undefined;
    await expect.poll(first.seen).toContain('[drover: the console is back]');
    lines[1]?.show('hello');
    await expect.poll(first.seen).toContain('hello');
    await hub.stop();
  });

  it('that cannot be opened is refused with the reason', async () => {
    const { hub, state, look } = lab();
    state.refuse = 'connect ECONNREFUSED';
    expect((await look()).refused).toMatchObject({
      code: 'console.unreachable',
      detail: 'The console at serial.lan:2001 cannot be opened: connect ECONNREFUSED.',
    });
    state.refuse = undefined;
    expect((await look()).refused).toBeUndefined();
    await hub.stop();
  });

  it('moves when it is said to be elsewhere', async () => {
    const { hub, lines, look } = lab();
    const first = await look();
    const second = await look({ ...place, port: 2002 });
    await first.reading;
    expect([lines.length, lines[0]?.state.closed, lines[1]?.state.closed]).toEqual([2, true, false]);
    expect(second.refused).toBeUndefined();
    await hub.stop();
  });

  it('leaves out what one who reads slowly cannot take, and tells how much', async () => {
    const { hub, lines } = lab({ waiting: 100 });
    const leaving = new AbortController();
    const found = await hub.watch('dev', place, leaving.signal);
    if (!found.ok) throw new Error(found.detail);
    for (let i = 0; i < 50; i += 1) lines[0]?.show('x'.repeat(10));
    await new Promise((resolve) => setTimeout(resolve, 20));
    lines[0]?.show('end');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const reader = found.value[Symbol.asyncIterator]();
    const texts = [await reader.next(), await reader.next()].map(({ value }) =>
      Buffer.from(value as Uint8Array).toString(),
    );
    expect(texts[0]).toContain('403 bytes left out');
    expect(texts[1]).toBe(`${'x'.repeat(97)}end`);
    await hub.stop();
  });

  it('is one of no more than there may be', async () => {
    const { hub, look } = lab({ consoles: 0 });
    expect((await look()).refused?.code).toBe('server.busy');
    await hub.stop();
  });
});
