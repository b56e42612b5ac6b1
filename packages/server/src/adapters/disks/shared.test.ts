import { describe, expect, it } from 'vitest';
import { createShared } from './shared.js';

/** Things with a number, opened and closed when the test says so. */
function world() {
  const opened: string[] = [];
  const closed: string[] = [];
  const failures: [string, unknown][] = [];
  const timers = new Set<() => void>();
  const state = { openFails: undefined as Error | undefined, closeFails: undefined as Error | undefined };
  let finishClosing: Promise<void> = Promise.resolve();
  const shared = createShared<string>({
    open: async (key) => {
      if (state.openFails) throw state.openFails;
      opened.push(key);
      return `${key}${opened.length}`;
    },
    close: async (value) => {
      await finishClosing;
      closed.push(value);
      if (state.closeFails) throw state.closeFails;
    },
    after: (_ms, run) => {
      timers.add(run);
      return () => timers.delete(run);
    },
    lingerMs: 1000,
    onCloseFailed: (key, error) => failures.push([key, error]),
  });
  const lingered = async (): Promise<void> => {
    for (const run of [...timers]) run();
    timers.clear();
    await turn();
  };
  const holdClosing = (): (() => void) => {
    let finish: () => void = () => undefined;
    finishClosing = new Promise((resolve) => (finish = resolve));
    return finish;
  };
  return { shared, opened, closed, failures, timers, state, lingered, holdClosing };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('something shared', () => {
  it('is opened once for those who want it at the same time, and each for those who want another', async () => {
    const { shared, opened } = world();
    const leases = await Promise.all([shared.acquire('a'), shared.acquire('a'), shared.acquire('b')]);
    expect(leases.map(({ value }) => value)).toEqual(['a1', 'a1', 'b2']);
    expect(opened).toEqual(['a', 'b']);
  });

  it('is closed some time after the last one has let go', async () => {
    const { shared, closed, lingered, timers } = world();
    const [first, second] = await Promise.all([shared.acquire('a'), shared.acquire('a')]);
    first.release();
    first.release();
    expect(timers.size).toBe(0);
    second.release();
    expect(closed).toEqual([]);
    await lingered();
    expect(closed).toEqual(['a1']);
    expect((await shared.acquire('a')).value).toBe('a2');
  });

  it('is still open for one who comes back in time', async () => {
    const { shared, closed, lingered, timers } = world();
    (await shared.acquire('a')).release();
    const again = await shared.acquire('a');
    expect([again.value, timers.size]).toEqual(['a1', 0]);
    await lingered();
    expect(closed).toEqual([]);
    again.release();
    await lingered();
    expect(closed).toEqual(['a1']);
  });

  it('is opened anew only when closing it is over, whether it failed or not', async () => {
    const { shared, opened, failures, state, lingered, holdClosing } = world();
    (await shared.acquire('a')).release();
    const finish = holdClosing();
    state.closeFails = new Error('the drive is gone');
    await lingered();
    const again = shared.acquire('a');
    await turn();
    expect(opened).toEqual(['a']);
    finish();
    expect((await again).value).toBe('a2');
    expect(failures).toEqual([['a', state.closeFails]]);
  });

  it('can be tried again when it could not be opened', async () => {
    const { shared, state } = world();
    state.openFails = new Error('damaged');
    await expect(Promise.all([shared.acquire('a'), shared.acquire('a')])).rejects.toThrow('damaged');
    state.openFails = undefined;
    expect((await shared.acquire('a')).value).toBe('a1');
  });

  it('is closed at once on demand, unless somebody uses it', async () => {
    const { shared, closed } = world();
    await shared.closeIdle('a');
    const lease = await shared.acquire('a');
    await shared.closeIdle('a');
    expect(closed).toEqual([]);
    lease.release();
    await shared.closeIdle('a');
    expect(closed).toEqual(['a1']);
  });

  it('is closed with everything else at the end, and not opened any more', async () => {
    const { shared, closed, timers } = world();
    const lease = await shared.acquire('a');
    (await shared.acquire('b')).release();
    const opening = shared.acquire('c');
    const shut = shared.close();
    await expect(opening).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    await shut;
    expect(closed.sort()).toEqual(['a1', 'b2', 'c3']);
    lease.release();
    expect(timers.size).toBe(0);
    await expect(shared.acquire('a')).rejects.toMatchObject({ code: 'ESHUTDOWN' });
  });
});
