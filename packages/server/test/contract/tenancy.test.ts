import { describe, expect, it } from 'vitest';
import type { Result } from '@drover/contract';
import { hashing } from '../../src/adapters/hashing/index.js';
import { createAudit } from '../../src/app/tenants/audit.js';
import { createAuthentication } from '../../src/app/tenants/authentication.js';
import { bootstrapAdmin } from '../../src/app/tenants/bootstrap.js';
import { abandonUnanswered, createIdempotency } from '../../src/app/tenants/idempotency.js';
import { createKeys } from '../../src/app/tenants/keys.js';
import { createTenants } from '../../src/app/tenants/tenants.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeTenant, who } from './support/fleet.js';
import { createTestClock, createTestLog, iso, testIds } from './support/world.js';

const setUp = (store: Store, server = 'here') => {
  const clock = createTestClock();
  const deps = { store, clock, ids: testIds, hashing, log: createTestLog(), server };
  return {
    deps,
    clock,
    keys: createKeys(deps),
    tenants: createTenants(deps),
    audit: createAudit(deps),
    idempotency: createIdempotency(deps),
    authentication: createAuthentication(deps),
  };
};
const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

describe.each(adapters())('API keys on $name', ({ create }) => {
  it('are made at the first start, once, also by two servers at the same moment', async () => {
    const database = await create();
    const servers = [setUp(await database.open()), setUp(await database.open())];
    const made = await Promise.all(servers.map(({ deps }) => bootstrapAdmin(deps)));
    const admins = made.map(({ admin }) => admin).filter((admin) => admin !== undefined);
    expect(admins).toHaveLength(1);
    expect(new Set(made.map(({ tenant }) => tenant.id)).size).toBe(1);
    expect(made[0]?.tenant.name).toBe('default');
    expect(admins[0]?.key).toMatch(/^drv_[A-Za-z0-9_-]{43}$/);
    const principal = valueOf(await servers[1]!.authentication.authenticate(admins[0]!.key));
    expect(principal).toMatchObject({ role: 'admin', tenant: null });
    expect((await bootstrapAdmin(servers[0]!.deps)).admin).toBeUndefined();
  });

  it('are made anew when none that works is left', async () => {
    const store = await (await create()).open();
    const { deps, clock, keys, authentication } = setUp(store);
    const first = (await bootstrapAdmin(deps)).admin!;
    const admin = valueOf(await authentication.authenticate(first.key));
    const expiresAt = iso(clock.now() + 1000);
    const short = valueOf(await keys.create(admin, { name: 'short', role: 'admin', expiresAt }));
    expect(codeOf(await keys.revoke(admin, first.id))).toBe('ok');
    expect(codeOf(await keys.revoke(admin, short.id))).toBe('key.last-admin');
    clock.advance(2000);
    expect((await bootstrapAdmin(deps)).admin?.role).toBe('admin');
  });

  it('are told apart, and never stored', async () => {
    const store = await (await create()).open();
    const { deps, keys, authentication } = setUp(store);
    const admin = valueOf(await authentication.authenticate((await bootstrapAdmin(deps)).admin!.key));
    const made = valueOf(await keys.create(admin, { name: 'ci', role: 'operator' }));
    expect(made.hint).toBe(made.key.slice(0, 10));
    const listed = valueOf(await keys.list(admin, { limit: 10 }));
    expect(listed.items.map((key) => key.name)).toContain('ci');
    expect(JSON.stringify(listed)).not.toContain(made.key);
    expect(JSON.stringify(listed)).not.toContain(hashing.sha256(made.key));
    const everything = await store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
    expect(JSON.stringify(everything)).not.toContain(made.key);
    for (const wrong of ['', 'drv_', made.key.slice(0, -1), `${made.key}x`, made.key.toUpperCase(), '%00']) {
      expect(codeOf(await authentication.authenticate(wrong))).toBe('auth.invalid');
    }
  });

  it('end when they expire or are revoked', async () => {
    const store = await (await create()).open();
    const { deps, clock, keys, authentication } = setUp(store);
    const admin = valueOf(await authentication.authenticate((await bootstrapAdmin(deps)).admin!.key));
    const expiresAt = iso(clock.now() + 60_000);
    const short = valueOf(await keys.create(admin, { name: 'short', role: 'reader', expiresAt }));
    const long = valueOf(await keys.create(admin, { name: 'long', role: 'reader' }));
    expect(codeOf(await authentication.authenticate(short.key))).toBe('ok');
    clock.advance(60_000);
    expect(codeOf(await authentication.authenticate(short.key))).toBe('auth.invalid');
    expect(codeOf(await authentication.authenticate(long.key))).toBe('ok');
    expect(codeOf(await keys.revoke(admin, long.id))).toBe('ok');
    expect(codeOf(await keys.revoke(admin, long.id))).toBe('ok');
    expect(codeOf(await authentication.authenticate(long.key))).toBe('auth.invalid');
    expect(codeOf(await keys.revoke(admin, 'key_nothing'))).toBe('key.not-found');
    const past = await keys.create(admin, { name: 'late', role: 'reader', expiresAt: iso(clock.now() - 1) });
    expect(past).toMatchObject({ code: 'request.invalid', errors: [{ field: 'expiresAt' }] });
    const types = (await store.read((tx) => tx.events.list({ after: 0, limit: 100 }))).map((event) => event.type);
    expect(types.filter((type) => type === 'key.revoked')).toHaveLength(1);
  });

  it('note their use once a minute', async () => {
    const store = await (await create()).open();
    const { deps, clock, authentication } = setUp(store);
    const made = (await bootstrapAdmin(deps)).admin!;
    const used = async (): Promise<string | null | undefined> =>
      (await store.read((tx) => tx.keys.get(made.id)))?.lastUsedAt;
    expect(await used()).toBeNull();
    await Promise.all(Array.from({ length: 10 }, () => authentication.authenticate(made.key)));
    const first = await used();
    expect(first).toBe(iso(clock.now()));
    clock.advance(59_000);
    await authentication.authenticate(made.key);
    expect(await used()).toBe(first);
    clock.advance(1000);
    await authentication.authenticate(made.key);
    expect(await used()).toBe(iso(clock.now()));
  });

  it('of a tenant reach that tenant only', async () => {
    const store = await (await create()).open();
    const { keys, tenants, audit } = setUp(store);
    const [mine, theirs] = [await makeTenant(store, 'mine'), await makeTenant(store, 'theirs')];
    const made = valueOf(await keys.create(who(mine), { name: 'a', role: 'admin' }));
    expect(made.tenant).toBe(mine);
    const foreign = valueOf(await keys.create(who(null), { name: 'b', role: 'reader', tenant: theirs }));
    expect(codeOf(await keys.create(who(mine), { name: 'x', role: 'reader', tenant: theirs }))).toBe('auth.forbidden');
    expect(codeOf(await keys.create(who(mine), { name: 'x', role: 'reader', tenant: null }))).toBe('auth.forbidden');
    expect(codeOf(await keys.create(who(mine, 'operator'), { name: 'x', role: 'reader' }))).toBe('auth.forbidden');
    const nowhere = await keys.create(who(null), { name: 'x', role: 'reader', tenant: testIds.next('ten') });
    expect(codeOf(nowhere)).toBe('tenant.not-found');
    expect(codeOf(await keys.revoke(who(mine), foreign.id))).toBe('key.not-found');
    expect(valueOf(await keys.list(who(mine), { limit: 10 })).items.map((key) => key.id)).toEqual([made.id]);
    expect(valueOf(await keys.list(who(null), { limit: 10 })).items).toHaveLength(2);
    expect(codeOf(await tenants.create(who(mine), { name: 'new' }))).toBe('auth.forbidden');
    expect(valueOf(await tenants.list(who(mine), { limit: 10 })).items.map((tenant) => tenant.name)).toEqual(['mine']);
    expect(codeOf(await audit.list(who(mine, 'reader'), { limit: 10 }))).toBe('auth.forbidden');
  });

  it('the last of the installation stays, whoever asks at the same moment', async () => {
    const database = await create();
    const servers = [setUp(await database.open()), setUp(await database.open())];
    const first = (await bootstrapAdmin(servers[0]!.deps)).admin!;
    const admin = who(null);
    const second = valueOf(await servers[0]!.keys.create(admin, { name: 'second', role: 'admin' }));
    const results = await Promise.all([
      servers[0]!.keys.revoke(admin, first.id),
      servers[1]!.keys.revoke(admin, second.id),
    ]);
    expect(results.map(codeOf).sort()).toEqual(['key.last-admin', 'ok']);
  });
});

describe.each(adapters())('tenants and the audit on $name', ({ create }) => {
  it('have names of their own', async () => {
    const store = await (await create()).open();
    const { tenants } = setUp(store);
    expect(codeOf(await tenants.create(who(null), { name: 'lab' }))).toBe('ok');
    expect(codeOf(await tenants.create(who(null), { name: 'lab' }))).toBe('tenant.exists');
    const mine = valueOf(await tenants.update(who(null), 'lab', { quota: { disks: 3 } }));
    expect(mine.quota).toEqual({ disks: 3, diskBytes: null, backupBytes: null });
    const both = valueOf(await tenants.update(who(null), mine.id, { quota: { diskBytes: 5e12 } }));
    expect(both.quota).toEqual({ disks: 3, diskBytes: 5e12, backupBytes: null });
    const all = valueOf(await tenants.update(who(null), 'lab', { quota: { backupBytes: 6e12 } }));
    expect(all.quota).toEqual({ disks: 3, diskBytes: 5e12, backupBytes: 6e12 });
    expect(valueOf(await tenants.list(who(null), { limit: 9 })).items).toEqual([all]);
    expect(valueOf(await tenants.update(who(null), 'lab', { quota: { disks: null } })).quota.disks).toBeNull();
    expect(codeOf(await tenants.update(who(null), 'nobody', { quota: {} }))).toBe('tenant.not-found');
    expect(codeOf(await tenants.update(who(mine.id), 'lab', { quota: { disks: 9 } }))).toBe('auth.forbidden');
    const raced = await Promise.all(Array.from({ length: 8 }, () => tenants.create(who(null), { name: 'race' })));
    expect(raced.filter((result) => result.ok)).toHaveLength(1);
  });

  it('lists who did what, newest first, page by page', async () => {
    const store = await (await create()).open();
    const { audit, clock } = setUp(store);
    const tenant = await makeTenant(store, 'lab');
    for (let i = 0; i < 7; i += 1) {
      clock.advance(1000);
      await audit.append({
        key: null,
        keyName: 'a',
        tenant: i % 2 === 0 ? tenant : null,
        operation: `op${i}`,
        subject: null,
        outcome: '200',
        address: '10.0.0.1',
        requestId: testIds.next('req'),
      });
    }
    const first = valueOf(await audit.list(who(null), { limit: 4 }));
    const second = valueOf(await audit.list(who(null), { limit: 4, cursor: first.next ?? '' }));
    expect([...first.items, ...second.items].map((entry) => entry.operation)).toEqual([
      'op6',
      'op5',
      'op4',
      'op3',
      'op2',
      'op1',
      'op0',
    ]);
    expect(second.next).toBeNull();
    const found = async (filter: Parameters<typeof audit.list>[1]) =>
      valueOf(await audit.list(who(null), filter)).items.map(({ operation }) => operation);
    expect(await found({ limit: 9, operation: 'op3' })).toEqual(['op3']);
    expect(await found({ limit: 9, key: 'a' })).toHaveLength(7);
    expect(await found({ limit: 9, key: 'b' })).toEqual([]);
    expect(await found({ limit: 9, subject: 'dev_1' })).toEqual([]);
    const [, op5, , op3] = first.items;
    expect(await found({ limit: 9, since: op3?.at, until: op5?.at })).toEqual(['op4', 'op3']);
    expect(await found({ limit: 1, since: op3?.at, cursor: first.next ?? '' })).toEqual([]);
    const own = valueOf(await audit.list(who(tenant), { limit: 10 }));
    expect(own.items.map((entry) => entry.operation)).toEqual(['op6', 'op4', 'op2', 'op0']);
  });
});

describe.each(adapters())('idempotency keys on $name', ({ create }) => {
  const request = { method: 'POST', path: '/provision', body: '{"any":true}' };

  it('let one request through, and answer the same afterwards', async () => {
    const store = await (await create()).open();
    const { idempotency } = setUp(store);
    const caller = who(null);
    const begun = await Promise.all(Array.from({ length: 5 }, () => idempotency.begin(caller, 'k', request)));
    expect(begun.map(codeOf).sort()).toEqual([
      'idempotency.in-progress',
      'idempotency.in-progress',
      'idempotency.in-progress',
      'idempotency.in-progress',
      'ok',
    ]);
    const first = begun.find((result) => result.ok);
    const token = first?.ok === true && first.value.kind === 'first' ? first.value.token : undefined;
    await idempotency.complete(token!, 202, '{"id":"dev_1"}');
    expect(valueOf(await idempotency.begin(caller, 'k', request))).toEqual({
      kind: 'replay',
      status: 202,
      answer: '{"id":"dev_1"}',
    });
    expect(codeOf(await idempotency.begin(caller, 'k', { ...request, body: '{}' }))).toBe('idempotency.mismatch');
    expect(valueOf(await idempotency.begin(who(null), 'k', request)).kind).toBe('first');
  });

  it('keep the answer with the work, or neither', async () => {
    const store = await (await create()).open();
    const { idempotency } = setUp(store);
    const caller = who(null);
    const begun = valueOf(await idempotency.begin(caller, 'k', request));
    if (begun.kind !== 'first') throw new Error('it is not the first');
    const failing = store.transaction(async (tx) => {
      await idempotency.complete(begun.token, 200, 'lost', tx);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(codeOf(await idempotency.begin(caller, 'k', request))).toBe('idempotency.in-progress');
    await idempotency.abandon(begun.token);
    expect(valueOf(await idempotency.begin(caller, 'k', request)).kind).toBe('first');
  });

  it('are free again as soon as the server that died with them is back, and those of others stay', async () => {
    const store = await (await create()).open();
    const { idempotency } = setUp(store);
    const elsewhere = setUp(store, 'elsewhere').idempotency;
    const caller = who(null);
    await idempotency.begin(caller, 'dead', request);
    await elsewhere.begin(caller, 'at work', request);
    const done = valueOf(await idempotency.begin(caller, 'done', request));
    if (done.kind === 'first') await idempotency.complete(done.token, 200, 'x');
    expect(await abandonUnanswered(store, 'here')).toBe(1);
    expect(valueOf(await idempotency.begin(caller, 'dead', request)).kind).toBe('first');
    expect(valueOf(await idempotency.begin(caller, 'done', request)).kind).toBe('replay');
    const refused = await idempotency.begin(caller, 'at work', request);
    expect(refused).toMatchObject({ code: 'idempotency.in-progress' });
    expect(refused).toHaveProperty('remedy', expect.stringContaining('2026-01-01T00:02:00.000Z'));
  });

  it('have one effect also when the first request is so slow that another took its place', async () => {
    const store = await (await create()).open();
    const { idempotency, clock } = setUp(store);
    const caller = who(null);
    const slow = valueOf(await idempotency.begin(caller, 'k', request));
    clock.advance(121_000);
    const quick = valueOf(await idempotency.begin(caller, 'k', request));
    if (slow.kind !== 'first' || quick.kind !== 'first') throw new Error('one of them is not the first');
    const work = store.transaction(async (tx) => {
      await tx.settings.putIfAbsent('made', 'by the slow one');
      await idempotency.complete(slow.token, 201, 'slow', tx);
    });
    await expect(work).rejects.toMatchObject({ refusal: { code: 'idempotency.in-progress' } });
    expect(await store.read((tx) => tx.settings.get('made'))).toBeUndefined();
    await idempotency.abandon(slow.token);
    await idempotency.complete(quick.token, 201, 'quick');
    expect(valueOf(await idempotency.begin(caller, 'k', request))).toMatchObject({ answer: 'quick' });
  });

  it('are free again a day later, and two minutes after a server died at work', async () => {
    const store = await (await create()).open();
    const { idempotency, clock } = setUp(store);
    const caller = who(null);
    const begin = async (key: string) => idempotency.begin(caller, key, request);
    await begin('dead');
    const done = valueOf(await begin('done'));
    if (done.kind === 'first') await idempotency.complete(done.token, 200, 'x');
    clock.advance(121_000);
    expect(valueOf(await begin('dead')).kind).toBe('first');
    expect(valueOf(await begin('done')).kind).toBe('replay');
    clock.advance(24 * 3_600_000 + 1);
    expect(valueOf(await begin('done')).kind).toBe('first');
    expect(await idempotency.prune()).toBe(1);
  });
});
