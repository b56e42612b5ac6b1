import { describe, expect, it } from 'vitest';
import { exportName, moveSecret, readExportName } from './disk-export.js';

const key = 'ab'.repeat(32);
const other = 'cd'.repeat(32);
const session = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const disk = 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';

describe('the name of an export', () => {
  it.each([disk, 'image'])('of %s says what it is for, to who holds the key', (what) => {
    const name = exportName(key, session, what);
    expect(readExportName(key, name)).toEqual({ session, what, mayMove: false });
    expect(readExportName(key, `${name}.${moveSecret(key, session)}`)).toEqual({ session, what, mayMove: true });
    expect(name.length).toBeLessThan(200);
  });

  it('is another one for each session, disk and installation', () => {
    const names = [
      exportName(key, session, disk),
      exportName(key, session, 'image'),
      exportName(key, session.replace('9N', '9P'), disk),
      exportName(other, session, disk),
    ].map((name) => name.split('.')[2]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('that was made up or altered stands for nothing', () => {
    const name = exportName(key, session, disk);
    const altered = [
      '',
      disk,
      name.slice(0, -1),
      `${name}0`,
      `${name}.`,
      `${name}.${'0'.repeat(32)}`,
      `${name}.${moveSecret(other, session)}`,
      name.replace(disk, 'image'),
      name.replace(session, session.replace('9N', '9P')),
      name.toUpperCase(),
      exportName(other, session, disk),
      `${name}\n`,
      `../${name}`,
    ];
    for (const each of altered) expect(readExportName(key, each), each).toBeUndefined();
  });
});
