import { describe, expect, it } from 'vitest';
import { bytesOf, clientFlags, infoData, metaData, option, optionReplies } from '../../test/support/nbd-client.js';
import { exportOf, handshake, hear, name, settings, start, type Heard } from '../../test/support/nbd-handshake.js';
import { optionReply, optionType } from './constants.js';

const { go, info, list, startTls, structuredReply, setMetaContext, listMetaContext, abort, exportName } = optionType;
const typesOf = (heard: Heard): number[] => optionReplies(heard.sent).map(({ type }) => type);
const everything = [
  option(list),
  option(info, infoData(name)),
  option(go, infoData(name)),
  option(structuredReply),
  option(listMetaContext, metaData(name, [])),
  option(setMetaContext, metaData(name, [])),
  option(77, bytesOf('unknown')),
  option(go, new Uint8Array(64 << 10)),
];
const tlsOnly = { [name]: { ok: false, reason: 'tls-required', message: 'only over TLS' } } as const;

describe('NOTLS mode', () => {
  it('refuses STARTTLS for policy and never asks for TLS', () => {
    expect(typesOf(hear(start(), option(startTls), option(go, infoData(name))))[0]).toBe(optionReply.errPolicy);
    const heard = hear(start({}, tlsOnly), option(structuredReply), ...everything.slice(0, 6));
    expect(typesOf(heard)).not.toContain(optionReply.errTlsReqd);
    expect(heard.session).toBeUndefined();
  });
});

describe('FORCEDTLS mode', () => {
  it('refuses every option before TLS, known or not, and looks nothing up', () => {
    const heard = hear(start({ tls: 'required' }), ...everything);
    expect(new Set(typesOf(heard))).toEqual(new Set([optionReply.errTlsReqd]));
    expect(typesOf(heard)).toHaveLength(everything.length);
    expect(heard.opened).toEqual([]);
  });

  it('ends the connection on EXPORT_NAME before TLS, also of a client that cannot have TLS', () => {
    const enter = option(exportName, bytesOf(name));
    expect(hear(start({ tls: 'required' }), enter).end?.fault).toMatch(/before the TLS/);
    expect(hear(handshake(settings({ tls: 'required' })), clientFlags(0), enter).end?.fault).toMatch(/before the TLS/);
  });

  it('lets a client leave without TLS', () => {
    expect(hear(start({ tls: 'required' }), option(abort)).end).toMatchObject({ fault: undefined });
  });

  it('goes on as usual over TLS', () => {
    const heard = hear(
      start({ tls: 'required' }),
      option(startTls),
      option(structuredReply),
      option(go, infoData(name)),
    );
    expect(typesOf(heard).slice(0, 2)).toEqual([optionReply.ack, optionReply.ack]);
    expect(heard.session).toMatchObject({ name, structuredReplies: true });
  });

  it('enters by EXPORT_NAME over TLS', () => {
    const heard = hear(start({ tls: 'required' }), option(startTls), option(exportName, bytesOf(name)));
    expect(heard.session?.name).toBe(name);
  });
});

describe('SELECTIVETLS mode', () => {
  const selective = { tls: 'optional' } as const;

  it('serves without TLS and with it', () => {
    expect(hear(start(selective), option(go, infoData(name))).session?.name).toBe(name);
    expect(hear(start(selective), option(startTls), option(go, infoData(name))).session?.name).toBe(name);
  });

  it('asks for TLS when the export wants it, by INFO and GO only', () => {
    for (const type of [info, go]) {
      const heard = hear(start(selective, tlsOnly), option(type, infoData(name)));
      expect(optionReplies(heard.sent)).toEqual([
        { option: type, type: optionReply.errTlsReqd, data: bytesOf('only over TLS') },
      ]);
    }
    for (const type of [listMetaContext, setMetaContext]) {
      const heard = hear(start(selective, tlsOnly), option(structuredReply), option(type, metaData(name, [])));
      expect(typesOf(heard)[1]).toBe(optionReply.errPolicy);
    }
    expect(hear(start(selective, tlsOnly), option(exportName, bytesOf(name))).end?.fault).toMatch(/refused/);
  });

  it('never asks for TLS over TLS', () => {
    const heard = hear(start(selective, tlsOnly), option(startTls), option(go, infoData(name)));
    expect(typesOf(heard)).toEqual([optionReply.ack, optionReply.errPolicy]);
  });
});

describe.each(['optional', 'required'] as const)('STARTTLS, TLS %s', (tls) => {
  it('has no data', () => {
    expect(typesOf(hear(start({ tls }), option(startTls, bytesOf('x'))))).toEqual([optionReply.errInvalid]);
  });

  it('is invalid the second time', () => {
    const heard = hear(start({ tls }), option(startTls), option(startTls));
    expect(typesOf(heard)).toEqual([optionReply.ack, optionReply.errInvalid]);
  });

  it('ends the connection when anything in the clear follows it', () => {
    const smuggled = bytesOf(option(startTls), option(structuredReply));
    const heard = hear(start({ tls }), smuggled);
    expect(heard.end).toMatchObject({ fault: 'bytes in the clear behind NBD_OPT_STARTTLS' });
    expect(heard.sent).toHaveLength(0);
  });
});

it('forgets what was agreed in the clear once TLS is up', () => {
  const before = [option(structuredReply), option(setMetaContext, metaData(name, ['base:allocation']))];
  const answers = { [name]: { ok: true, info: exportOf() } } as const;
  const heard = hear(start({ tls: 'optional' }, answers), ...before, option(startTls), option(go, infoData(name)));
  expect(heard.session).toMatchObject({ structuredReplies: false, allocationContext: undefined });
});
