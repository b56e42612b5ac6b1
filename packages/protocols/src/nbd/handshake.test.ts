import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  clientFlags,
  infoData,
  metaData,
  option,
  optionReplies,
  u16,
  u32,
  u64,
} from '../../test/support/nbd-client.js';
import { exportOf, handshake, hear, name, settings, start, type Heard } from '../../test/support/nbd-handshake.js';
import { infoType, optionReply, optionType, transmissionFlag } from './constants.js';
import { createHandshake } from './handshake.js';

const { go, info, list, startTls, structuredReply, listMetaContext, setMetaContext, abort } = optionType;
const typesOf = (heard: Heard): number[] => optionReplies(heard.sent).map(({ type }) => type);
const ask = (...options: Uint8Array[]): Heard => hear(start(), ...options);
const standardFlags =
  transmissionFlag.hasFlags |
  transmissionFlag.sendFlush |
  transmissionFlag.sendFua |
  transmissionFlag.sendTrim |
  transmissionFlag.sendWriteZeroes |
  transmissionFlag.sendFastZero |
  transmissionFlag.canMultiConn |
  transmissionFlag.sendCache;

describe('the first words', () => {
  it('are magic numbers and the flags for fixed newstyle without zeroes', () => {
    const step = createHandshake(settings()).next();
    expect(step).toEqual({ kind: 'send', bytes: bytesOf('NBDMAGIC', 'IHAVEOPT', u16(3)) });
  });

  it.each([4, 0x8000_0000, 0xffff_fffc])('of a client may not be flags nobody knows: %i', (flags) => {
    const heard = hear(handshake(settings()), clientFlags(flags));
    expect(heard.end).toMatchObject({ fault: expect.stringContaining('client flags') as string });
  });

  it('of a client that is not fixed newstyle can be EXPORT_NAME only', () => {
    const plain = (...bytes: Uint8Array[]) => hear(handshake(settings()), clientFlags(0), ...bytes);
    expect(plain(option(list)).end?.fault).toMatch(/without fixed newstyle/);
    expect(plain(option(startTls)).end?.fault).toMatch(/without fixed newstyle/);
    expect(plain(option(optionType.exportName, bytesOf(name))).session?.name).toBe(name);
  });
});

describe('NBD_OPT_EXPORT_NAME', () => {
  const enter = (flags: number, data = bytesOf(name)) =>
    hear(handshake(settings()), clientFlags(flags), option(optionType.exportName, data));

  it('is answered with size and flags, and zeroes unless they were negotiated away', () => {
    expect(enter(3).sent).toEqual(bytesOf(u64(exportOf().size), u16(standardFlags)));
    expect(enter(1).sent).toEqual(bytesOf(u64(exportOf().size), u16(standardFlags), new Uint8Array(124)));
  });

  it('enters the transmission phase with simple replies', () => {
    const { session } = enter(3);
    expect(session).toMatchObject({ name, structuredReplies: false, blockSizeNegotiated: false, flags: standardFlags });
  });

  it('ends the connection when the export is refused', () => {
    expect(enter(3, bytesOf('another')).end).toMatchObject({
      bytes: new Uint8Array(),
      fault: expect.any(String) as string,
    });
  });

  it('ends the connection when the name is no string', () => {
    expect(enter(3, bytesOf('a\0b')).end?.fault).toMatch(/no string/);
    expect(enter(3, bytesOf([0xff, 0xfe])).end?.fault).toMatch(/no string/);
    expect(enter(3, new Uint8Array(4097).fill(0x61)).end?.fault).toMatch(/4097 bytes/);
  });
});

describe('NBD_OPT_GO', () => {
  const replies = (heard: Heard) => optionReplies(heard.sent).map(({ type, data }) => ({ type, data }));

  it('tells what was asked for, then enters the transmission phase', () => {
    const all = Object.values(infoType);
    const heard = ask(option(go, infoData(name, all)));
    expect(replies(heard)).toEqual([
      { type: optionReply.info, data: bytesOf(u16(0), u64(exportOf().size), u16(standardFlags)) },
      { type: optionReply.info, data: bytesOf(u16(1), name) },
      { type: optionReply.info, data: bytesOf(u16(2), 'a disk') },
      { type: optionReply.info, data: bytesOf(u16(3), u32(1), u32(4096), u32(32 << 20)) },
      { type: optionReply.ack, data: bytesOf() },
    ]);
    expect(heard.session).toMatchObject({ name, blockSizeNegotiated: true, structuredReplies: false });
  });

  it('tells size and flags without being asked, and ignores requests it does not know', () => {
    for (const wanted of [[], [4711, 65_535]]) {
      const heard = ask(option(go, infoData(name, wanted)));
      expect(typesOf(heard)).toEqual([optionReply.info, optionReply.ack]);
      expect(heard.session).toMatchObject({ name, blockSizeNegotiated: false });
    }
  });

  it('tells block sizes unasked when they are not those a client assumes', () => {
    const strict = exportOf({ blockSize: { minimum: 512, preferred: 4096, maximum: 1 << 20 } });
    const heard = hear(start({}, { [name]: { ok: true, info: strict } }), option(go, infoData(name)));
    expect(replies(heard)[1]?.data).toEqual(bytesOf(u16(3), u32(512), u32(4096), u32(1 << 20)));
  });

  it('hands over the bytes that came behind it', () => {
    const heard = ask(bytesOf(option(go, infoData(name)), 'more'));
    expect(heard.rest).toEqual(bytesOf('more'));
  });

  it('answers NBD_OPT_INFO alike and stays in the handshake', () => {
    const wanted = infoData(name, [3]);
    const heard = ask(option(info, wanted), option(go, wanted));
    const [first, second] = [optionReplies(heard.sent).slice(0, 3), optionReplies(heard.sent).slice(3)];
    expect(first.map(({ type, data }) => ({ type, data }))).toEqual(second.map(({ type, data }) => ({ type, data })));
    expect(first.every((reply) => reply.option === info)).toBe(true);
    expect(heard.session?.name).toBe(name);
  });

  it.each([
    ['unknown', optionReply.errUnknown],
    ['policy', optionReply.errPolicy],
    ['shutting-down', optionReply.errShutdown],
  ] as const)('reports an export that is refused: %s', (reason, type) => {
    const refused = { [name]: { ok: false, reason, message: 'not for you' } } as const;
    const heard = hear(start({}, refused), option(go, infoData(name)), option(info, infoData(name)));
    expect(replies(heard)).toEqual([
      { type, data: bytesOf('not for you') },
      { type, data: bytesOf('not for you') },
    ]);
    expect(heard.session).toBeUndefined();
  });

  it.each([
    ['no data', bytesOf()],
    ['too few bytes', bytesOf(u32(0), [0])],
    ['a name longer than the option', bytesOf(u32(100), name, u16(0))],
    ['a name longer than anything', bytesOf(u32(0xffff_ffff), name, u16(0))],
    ['fewer requests than announced', bytesOf(u32(0), u16(2), u16(1))],
    ['more requests than announced', bytesOf(u32(0), u16(0), u16(1))],
    ['a name with a NUL', infoData('a\0b')],
    ['a name that is no UTF-8', bytesOf(u32(2), [0xc3, 0x28], u16(0))],
    ['a name of 4097 bytes', infoData('x'.repeat(4097))],
  ])('is invalid with %s', (_what, data) => {
    for (const type of [go, info]) expect(typesOf(ask(option(type, data)))).toEqual([optionReply.errInvalid]);
  });
});

describe('transmission flags', () => {
  const flagsOf = (change: Parameters<typeof exportOf>[0], structured: boolean) => {
    const hearing = start({}, { [name]: { ok: true, info: exportOf(change) } });
    const before = structured ? [option(structuredReply)] : [];
    return hear(hearing, ...before, option(go, infoData(name))).session?.flags;
  };

  it('offer nothing that writes on a read-only export', () => {
    const { hasFlags, readOnly, sendFlush, sendFua, canMultiConn, sendCache } = transmissionFlag;
    expect(flagsOf({ readOnly: true }, false)).toBe(
      hasFlags | readOnly | sendFlush | sendFua | canMultiConn | sendCache,
    );
  });

  it('offer DF with structured replies only', () => {
    expect(flagsOf({}, true)).toBe(standardFlags | transmissionFlag.sendDf);
    expect(flagsOf({}, false)).toBe(standardFlags);
  });

  it.each([
    ['canFlush', transmissionFlag.sendFlush],
    ['canFua', transmissionFlag.sendFua],
    ['canTrim', transmissionFlag.sendTrim],
    ['canMultiConn', transmissionFlag.canMultiConn],
    ['canCache', transmissionFlag.sendCache],
    ['canFastZero', transmissionFlag.sendFastZero],
    ['canWriteZeroes', transmissionFlag.sendWriteZeroes | transmissionFlag.sendFastZero],
  ] as const)('leave out what the export cannot do: %s', (feature, flag) => {
    expect(flagsOf({ [feature]: false }, false)).toBe(standardFlags & ~flag);
  });
});

describe('NBD_OPT_LIST', () => {
  it('is refused by default', () => {
    expect(typesOf(ask(option(list)))).toEqual([optionReply.errPolicy]);
  });

  it('lists when the settings say so', () => {
    const heard = hear(start({ listExports: true }), option(list));
    expect(optionReplies(heard.sent)).toEqual([
      { option: list, type: optionReply.server, data: bytesOf(u32(name.length), name, 'a disk') },
      { option: list, type: optionReply.server, data: bytesOf(u32(5), 'other') },
      { option: list, type: optionReply.ack, data: bytesOf() },
    ]);
  });

  it('has no data', () => {
    expect(typesOf(hear(start({ listExports: true }), option(list, bytesOf('x'))))).toEqual([optionReply.errInvalid]);
    expect(typesOf(ask(option(list, bytesOf('x'))))).toEqual([optionReply.errInvalid]);
  });
});

describe('NBD_OPT_ABORT', () => {
  it('is acknowledged and ends the connection without blame, whatever data it has', () => {
    for (const data of [bytesOf(), bytesOf('farewell')]) {
      const { end } = ask(option(abort, data));
      expect(end?.fault).toBeUndefined();
      expect(optionReplies(end!.bytes)).toEqual([{ option: abort, type: optionReply.ack, data: bytesOf() }]);
    }
  });
});

describe('structured replies', () => {
  it('are used when they were asked for', () => {
    const heard = ask(option(structuredReply), option(go, infoData(name)));
    expect(typesOf(heard)[0]).toBe(optionReply.ack);
    expect(heard.session?.structuredReplies).toBe(true);
  });

  it('are not negotiated by a request with data', () => {
    const heard = ask(option(structuredReply, bytesOf('x')), option(go, infoData(name)));
    expect(typesOf(heard)[0]).toBe(optionReply.errInvalid);
    expect(heard.session?.structuredReplies).toBe(false);
  });
});

describe('metadata contexts', () => {
  const withStructured = (...options: Uint8Array[]) => ask(option(structuredReply), ...options);
  const context = (id: number) => ({ type: optionReply.metaContext, data: bytesOf(u32(id), 'base:allocation') });
  const ack = { type: optionReply.ack, data: bytesOf() };
  const replies = (heard: Heard) =>
    optionReplies(heard.sent)
      .slice(1)
      .map(({ type, data }) => ({ type, data }));

  it('need structured replies', () => {
    for (const type of [listMetaContext, setMetaContext]) {
      expect(typesOf(ask(option(type, metaData(name, []))))).toEqual([optionReply.errInvalid]);
    }
  });

  it.each([[[]], [['base:']], [['base:allocation']], [['x-none:', 'base:allocation', 'base:']]])(
    'are listed for the queries %j',
    (queries) => {
      expect(replies(withStructured(option(listMetaContext, metaData(name, queries))))).toEqual([context(0), ack]);
    },
  );

  it.each([[['base:other']], [['qemu:']], [['base:Allocation', 'x-a:b']]])(
    'nobody knows are ignored: %j',
    (queries) => {
      for (const type of [listMetaContext, setMetaContext]) {
        expect(replies(withStructured(option(type, metaData(name, queries))))).toEqual([ack]);
      }
    },
  );

  it('are selected by their whole name, once', () => {
    const queries = ['base:allocation', 'base:allocation', 'base:'];
    const heard = withStructured(option(setMetaContext, metaData(name, queries)), option(go, infoData(name)));
    expect(replies(heard).slice(0, 2)).toEqual([context(1), ack]);
    expect(heard.session?.allocationContext).toBe(1);
  });

  it('are not selected by wildcards', () => {
    for (const queries of [[], ['base:']]) {
      const heard = withStructured(option(setMetaContext, metaData(name, queries)), option(go, infoData(name)));
      expect(replies(heard)[0]).toEqual(ack);
      expect(heard.session?.allocationContext).toBeUndefined();
    }
  });

  it('count for the export they were selected for', () => {
    const both = { [name]: { ok: true, info: exportOf() }, other: { ok: true, info: exportOf() } } as const;
    const select = option(setMetaContext, metaData('other', ['base:allocation']));
    const heard = hear(start({}, both), option(structuredReply), select, option(go, infoData(name)));
    expect(heard.session?.allocationContext).toBeUndefined();
  });

  it.each([
    ['another selection', metaData(name, ['base:other'])],
    ['a selection that fails', bytesOf('garbage')],
  ])('are replaced by %s', (_what, data) => {
    const select = option(setMetaContext, metaData(name, ['base:allocation']));
    const heard = withStructured(select, option(setMetaContext, data), option(go, infoData(name)));
    expect(heard.session?.allocationContext).toBeUndefined();
  });

  it('are not offered by an export that does not know what is allocated', () => {
    const blind = { [name]: { ok: true, info: exportOf({ canBlockStatus: false }) } } as const;
    const select = option(setMetaContext, metaData(name, ['base:allocation']));
    const heard = hear(start({}, blind), option(structuredReply), select, option(go, infoData(name)));
    expect(replies(heard)[0]).toEqual(ack);
    expect(heard.session?.allocationContext).toBeUndefined();
  });

  it.each([
    ['no data', bytesOf(), optionReply.errInvalid],
    ['a name longer than the option', bytesOf(u32(9), name, u32(0)), optionReply.errInvalid],
    ['a query longer than the option', bytesOf(u32(0), u32(1), u32(9), 'base:'), optionReply.errInvalid],
    ['fewer queries than announced', bytesOf(u32(0), u32(2), u32(5), 'base:'), optionReply.errInvalid],
    ['bytes behind the queries', bytesOf(u32(0), u32(0), 'x'), optionReply.errInvalid],
    ['a query without colon', metaData(name, ['base']), optionReply.errInvalid],
    ['a query with a NUL', metaData(name, ['base:\0']), optionReply.errInvalid],
    ['four billion queries', bytesOf(u32(0), u32(0xffff_ffff)), optionReply.errTooBig],
    ['an export nobody knows', metaData('nobody', []), optionReply.errUnknown],
  ])('cannot be asked for with %s', (_what, data, type) => {
    for (const asked of [listMetaContext, setMetaContext]) {
      expect(replies(withStructured(option(asked, data)))[0]?.type).toBe(type);
    }
  });
});

describe('limits', () => {
  it('unknown options are refused one by one, and their data is skipped', () => {
    const heard = ask(
      option(4),
      option(99, bytesOf('data')),
      option(0xffff_ffff, bytesOf('x')),
      option(go, infoData(name)),
    );
    expect(typesOf(heard).slice(0, 3)).toEqual(Array.from({ length: 3 }, () => optionReply.errUnsup));
    expect(heard.session?.name).toBe(name);
  });

  it('an option that is too long is skipped and refused', () => {
    const heard = ask(option(go, new Uint8Array((32 << 10) + 1)), option(go, infoData(name)));
    expect(typesOf(heard)[0]).toBe(optionReply.errTooBig);
    expect(heard.session?.name).toBe(name);
  });

  it('too many options end the connection', () => {
    const many = Array.from({ length: 65 }, () => option(99));
    expect(ask(...many.slice(1)).end).toBeUndefined();
    expect(ask(...many).end?.fault).toMatch(/more than 64 options/);
  });

  it('too many bytes end the connection before they are sent', () => {
    const announced = bytesOf('IHAVEOPT', u32(99), u32(0xffff_ffff));
    expect(ask(announced).end?.fault).toMatch(/bytes of options/);
    const some = option(99, new Uint8Array(100 << 10));
    expect(ask(some, some).end).toBeUndefined();
    expect(ask(some, some, some).end?.fault).toMatch(/bytes of options/);
  });

  it('what does not begin with the magic number ends the connection', () => {
    expect(ask(bytesOf('GET / HTTP/1.1\r\n\r\n')).end?.fault).toMatch(/IHAVEOPT/);
  });
});

describe('used wrongly by its owner', () => {
  it('says so', () => {
    const one = createHandshake(settings());
    expect(() => one.opened({ ok: true, info: exportOf() })).toThrow('no export was asked for');
    expect(() => one.listed([])).toThrow('no list was asked for');
    expect(() => one.secured()).toThrow('TLS was not asked for');
    one.push(bytesOf('ab'));
    expect(() => one.push(bytesOf('cd'))).toThrow('before those pushed earlier');
  });
});
