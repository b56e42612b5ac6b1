import type { BootDocument } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { changeText, documentOf, layerText, typedOf, valueText } from './model.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a document in a form', () => {
  it.each<BootDocument>([
    {},
    { image: 'sign:2026.1', usercode: base64('echo “ready”\n'), config: { screen: { rotate: 90 } } },
    { image: null, bootcode: null },
    { usercode: 'bm90\nb3Vycw==' },
    { bootcode: Buffer.from([0xff, 0xfe, 0x00]).toString('base64') },
    { usercode: '' },
  ])('comes back as it was: %j', (document) => {
    const back = documentOf(typedOf(document));
    expect(back).toEqual({ ok: true, document: document.usercode === '' ? {} : document });
  });

  it('shows scripts as they were written', () => {
    const typed = typedOf({ image: 'sign:1', usercode: base64('#!/bin/sh\necho hi\n'), config: { ssh: {} } });
    expect(typed).toMatchObject({ image: 'sign:1', usercode: '#!/bin/sh\necho hi\n', bootcode: '' });
    expect(JSON.parse(typed.rest)).toEqual({ config: { ssh: {} } });
  });

  it('says what cannot be read', () => {
    const typed = typedOf(null);
    expect(documentOf({ ...typed, rest: '{ "config": ' })).toMatchObject({ ok: false, field: 'rest' });
    expect(documentOf({ ...typed, rest: '[]' })).toMatchObject({ ok: false });
    expect(documentOf({ ...typed, image: 'a:1', rest: '{ "image": null }' })).toEqual({
      ok: false,
      field: 'rest',
      message: 'image is said above already.',
    });
  });
});

describe('where a value is from', () => {
  it.each([
    ['default', 'All boards'],
    ['device:dev_1', 'This board'],
    ['device:dev_2', 'device:dev_2'],
    ['group:rack=a,role=sign', 'Boards with rack=a, role=sign'],
  ])('%s', (ref, text) => {
    expect(layerText(ref, 'dev_1')).toBe(text);
  });
});

it('tells what a version changed, scripts as they were written', () => {
  expect(valueText('config.screen.rotate', 90)).toBe('90');
  expect(changeText({ change: '~', path: 'usercode', before: base64('a'), after: base64('b') })).toEqual({
    word: 'changed',
    path: 'usercode',
    before: 'a',
    after: 'b',
  });
  expect(changeText({ change: '+', path: 'image', after: 'sign:2' })).toMatchObject({ word: 'new', before: undefined });
});
