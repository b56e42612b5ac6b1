import { expect, it } from 'vitest';
import { createUploadNotes } from './upload-notes.js';

const memory = () => {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
  };
};
const file = { name: 'raspios.img.xz', size: 5, lastModified: 1 };

it('an upload is found by its file, until it is forgotten', () => {
  const storage = memory();
  createUploadNotes(() => storage).put(file, 'upl_1');
  const notes = createUploadNotes(() => storage);
  expect(notes.find(file)).toBe('upl_1');
  for (const change of [{ name: 'other' }, { size: 6 }, { lastModified: 2 }])
    expect(notes.find({ ...file, ...change })).toBeUndefined();
  notes.put(file, 'upl_2');
  expect(notes.find(file)).toBe('upl_2');
  notes.forget(file);
  expect(notes.find(file)).toBeUndefined();
});

it('the oldest of many are forgotten', () => {
  const storage = memory();
  const notes = createUploadNotes(() => storage);
  for (let size = 0; size < 30; size += 1) notes.put({ ...file, size }, `upl_${size}`);
  expect(notes.find({ ...file, size: 9 })).toBeUndefined();
  expect(notes.find({ ...file, size: 10 })).toBe('upl_10');
});

it.each(['', 'null', '{"a":1}', '[["a"],[1,2],3]'])('broken notes are none: %s', (text) => {
  const storage = memory();
  storage.setItem('drover.uploads', text);
  const notes = createUploadNotes(() => storage);
  expect(notes.find(file)).toBeUndefined();
  notes.put(file, 'upl_1');
  expect(notes.find(file)).toBe('upl_1');
});

it('a browser that keeps nothing is no fault', () => {
  const notes = createUploadNotes(() => {
    throw new Error('SecurityError');
  });
  notes.put(file, 'upl_1');
  expect(notes.find(file)).toBeUndefined();
});
