import type { Principal, Result } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { hashing } from '../../src/adapters/hashing/index.js';
import type { Store } from '../../src/app/store/ports.js';
import { createAuthentication } from '../../src/app/tenants/authentication.js';
import { bootstrapAdmin } from '../../src/app/tenants/bootstrap.js';
import { createKeys } from '../../src/app/tenants/keys.js';
import { createWebSessions } from '../../src/app/tenants/web-sessions.js';
import { adapters } from './support/databases.js';
import { createTestClock, createTestLog, iso, testIds } from './support/world.js';

const hourMs = 3_600_000;

const setUp = (store: Store, clock = createTestClock()) => {
  const deps = { store, clock, ids: testIds, hashing, log: createTestLog() };
  const authentication = createAuthentication(deps);
  return {
    deps,
    clock,
    authentication,
    keys: createKeys(deps),
    sessions: createWebSessions({ ...deps, authentication }),
  };
};
const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

describe.each(adapters())('a session of the dashboard, on $name,', ({ create }) => {
  const begin = async () => {
    const database = await create();
    const here = setUp(await database.open());
    const admin = (await bootstrapAdmin(here.deps)).admin!;
    const who: Principal = valueOf(await here.authentication.authenticate(admin.key));
    return { ...here, database, admin, who };
  };

  it('is known to every server on the database, by a token that is stored nowhere', async () => {
    const { sessions, database, admin, who, clock } = await begin();
    const opened = valueOf(await sessions.open(admin.key));
    expect(opened).toMatchObject({ principal: who, maxAgeSeconds: 43_200 });
    expect(opened.token).toMatch(/^[0-9a-f]{64}$/);
    const other = setUp(await database.open(), clock);
    expect(valueOf(await other.sessions.authenticate(opened.token))).toEqual(who);
    const stored = await other.deps.store.read((tx) => tx.webSessions.find(hashing.sha256(opened.token)));
    expect(JSON.stringify(stored)).not.toContain(opened.token);
  });

  it('is opened by nothing but a key that may read', async () => {
    const { sessions, keys, who } = await begin();
    expect(codeOf(await sessions.open('drv_nobody'))).toBe('auth.invalid');
    const card = valueOf(await keys.create(who, { name: 'card', role: 'device' }));
    expect(codeOf(await sessions.open(card.key))).toBe('auth.forbidden');
    for (const wrong of ['', 'x', '0'.repeat(64), `${'0'.repeat(63)}G`]) {
      expect(codeOf(await sessions.authenticate(wrong))).toBe('auth.invalid');
    }
  });

  it('ends after twelve hours, when somebody logs out, and with its key', async () => {
    const { sessions, keys, who, clock } = await begin();
    const key = valueOf(await keys.create(who, { name: 'ann', role: 'operator' }));
    const short = valueOf(
      await keys.create(who, { name: 'guest', role: 'reader', expiresAt: iso(clock.now() + hourMs) }),
    );
    const [left, revoked, guest, old] = await Promise.all(
      [key.key, key.key, short.key, key.key].map(async (each) => valueOf(await sessions.open(each)).token),
    );
    await sessions.close(left!);
    expect(codeOf(await sessions.authenticate(left!))).toBe('auth.invalid');
    expect(codeOf(await sessions.authenticate(guest!))).toBe('ok');
    clock.advance(hourMs);
    expect(codeOf(await sessions.authenticate(guest!))).toBe('auth.invalid');
    clock.advance(11 * hourMs - 1);
    expect(codeOf(await sessions.authenticate(old!))).toBe('ok');
    clock.advance(1);
    expect(codeOf(await sessions.authenticate(old!))).toBe('auth.invalid');
    expect(await sessions.prune()).toBe(3);
    const fresh = valueOf(await sessions.open(key.key)).token;
    valueOf(await keys.revoke(who, key.id));
    for (const token of [fresh, revoked!]) expect(codeOf(await sessions.authenticate(token))).toBe('auth.invalid');
  });

  it('makes way when a key has a hundred', async () => {
    const { sessions, admin, clock } = await begin();
    const tokens: string[] = [];
    for (let count = 0; count < 102; count += 1) {
      tokens.push(valueOf(await sessions.open(admin.key)).token);
      clock.advance(1);
    }
    const states = await Promise.all([tokens[0]!, tokens[1]!, tokens[2]!, tokens[101]!].map(sessions.authenticate));
    expect(states.map(codeOf)).toEqual(['auth.invalid', 'auth.invalid', 'ok', 'ok']);
  });
});
