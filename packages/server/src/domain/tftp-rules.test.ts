import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planWork, readRule, type RuleText, type RuleTarget, type RuleWork } from './tftp-rules.js';

const text = (fields: Partial<RuleText>): RuleText => ({
  match: '^(a)(b)?$',
  timeoutSeconds: 10,
  maxSize: 1000,
  ...fields,
});

const target = (fields: Partial<RuleText>, groups = 2): RuleTarget => {
  const read = readRule(text(fields), groups);
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join());
  return read.rule.target;
};

const plan = (fields: Partial<RuleText>, ...groups: string[]): RuleWork | string => {
  const planned = planWork(target(fields, Math.max(0, groups.length - 1)), groups);
  return planned.ok ? planned.work : planned.reason;
};

describe('a rule', () => {
  it('has its limits, and defaults where it says none', () => {
    expect(readRule(text({ program: '/bin/echo' }), 0)).toMatchObject({
      ok: true,
      rule: { timeoutMs: 10_000, maxSize: 1000, concurrency: 8 },
    });
  });

  it.each<[Partial<RuleText>, string, RegExp]>([
    [{}, '', /no file, url or program/],
    [{ file: '/a', url: 'http://h/' }, 'url', /beside file/],
    [{ url: 'http://h/', root: '/srv' }, 'root', /belongs to file/],
    [{ file: '/a', args: ['x'] }, 'args', /belongs to program/],
    [{ url: 'http://h/', concurrency: 2 }, 'concurrency', /belongs to program/],
    [{ match: '^/a', file: '/a' }, 'match', /without a slash at the front/],
    [{ file: 'a' }, 'file', /not an absolute path/],
    [{ file: '/srv/$1' }, 'file', /give root too/],
    [{ file: '/srv/../etc/shadow' }, 'file', /\.\. step/],
    [{ root: 'srv', file: '$1' }, 'root', /not an absolute path/],
    [{ root: '/srv/$1', file: 'a' }, 'root', /groups go into file/],
    [{ root: '/srv', file: '/$1' }, 'file', /begins with a slash/],
    [{ root: '/srv', file: '../$1' }, 'file', /leads out/],
    [{ root: '/srv', file: '$3' }, 'file', /\$3, and match has 2 groups/],
    [{ root: '/srv', file: 'a\0b' }, 'file', /control character/],
    [{ root: '/srv', file: '$x' }, 'file', /names no group: write \$1, or \$\$/],
    [{ program: 'echo' }, 'program', /not an absolute path/],
    [{ program: '/bin/$1' }, 'program', /groups go into args/],
    [{ program: '/bin/echo', args: ['a', '$7'] }, 'args.1', /\$7/],
    [{ program: '/bin/echo', args: ['a\nb'] }, 'args.0', /control character/],
    [{ url: 'ftp://h/$1' }, 'url', /not an address like/],
    [{ url: 'http://h' }, 'url', /a slash behind the server/],
    [{ url: 'http://h$1/' }, 'url', /\$ in its server/],
    [{ url: 'http://h:$1/' }, 'url', /\$ in its server/],
    [{ url: 'http://me:secret@h/' }, 'url', /user name or password/],
    [{ url: 'http://h/a#b' }, 'url', /no # part/],
    [{ url: 'http://h:99999/' }, 'url', /no server that there can be/],
    [{ url: 'http://h/a/../$1' }, 'url', /\.\. step/],
    [{ url: 'http://h/a b' }, 'url', /percent-encoded/],
    [{ url: 'http://h/?a=$4' }, 'url', /\$4/],
  ])('that cannot be is told with its field: %j', (fields, field, message) => {
    const read = readRule(text(fields), 2);
    expect(read.ok ? [] : read.problems.map((each) => each.field.join('.'))).toEqual([field]);
    expect(read.ok ? '' : read.problems[0]!.message).toMatch(message);
  });

  it('tells of groups that no pattern has', () => {
    const read = readRule(text({ program: '/bin/echo', args: ['$1'] }), 0);
    expect(read.ok ? '' : read.problems[0]!.message).toMatch(/match has no groups: put \( \)/);
  });
});

describe('what a rule does', () => {
  it('is a file, alone or below its folder', () => {
    expect(plan({ file: '/srv/$$1' }, 'a')).toEqual({ kind: 'file', path: '/srv/$1', root: null });
    expect(plan({ root: '/srv/', file: 'x/${1}0/$2.cfg' }, 'ab', 'a', 'b')).toEqual({
      kind: 'file',
      path: '/srv/x/a0/b.cfg',
      root: '/srv',
    });
    expect(plan({ root: '/', file: '$0' }, 'etc/motd')).toEqual({ kind: 'file', path: '/etc/motd', root: '/' });
    expect(plan({ root: '/srv', file: '$1/$0' }, 'a', '')).toMatchObject({ path: '/srv/a' });
  });

  it('is never a path above its folder, nor none', () => {
    expect(plan({ root: '/srv', file: '$1/x' }, '..', '..')).toMatch(/leads out/);
    expect(plan({ root: '/srv', file: '$1.' }, '.', '.')).toMatch(/leads out/);
    expect(plan({ root: '/srv', file: '$1$1/etc' }, '.', '.')).toMatch(/leads out/);
    expect(plan({ root: '/srv', file: '$1' }, '', '')).toMatch(/names no file/);
    expect(plan({ root: '/srv', file: '$1' }, 'a\0', 'a\0')).toMatch(/not printable/);
    expect(plan({ root: '/srv', file: '$0'.repeat(20) }, 'a'.repeat(255))).toMatch(/too long/);
  });

  it('is an address with groups in their place', () => {
    expect(plan({ url: 'http://H:80/boot/$1?mac=$1&x=$$' }, 'a', 'b c/d?e&f#%')).toEqual({
      kind: 'url',
      url: 'http://h/boot/b%20c/d%3Fe%26f%23%25?mac=b%20c%2Fd%3Fe%26f%23%25&x=$',
    });
    expect(plan({ url: 'https://[::1]:8443/$0' }, '//evil/x')).toEqual({
      kind: 'url',
      url: 'https://[::1]:8443///evil/x',
    });
    for (const step of ['..', '.', 'a/../..', './a'])
      expect(plan({ url: 'http://h/a/$1/b' }, 'x', step)).toMatch(/leads out/);
    expect(plan({ url: 'http://h/%2$1' }, 'x', 'e')).toMatch(/leads out/);
  });

  it('is a program with one argument for each it has', () => {
    expect(plan({ program: '/bin/p', args: ['--', '$1', '$2', 'a $1'] }, 'x', '; rm -rf $(x) "', '')).toEqual({
      kind: 'program',
      program: '/bin/p',
      args: ['--', '; rm -rf $(x) "', '', 'a ; rm -rf $(x) "'],
    });
    expect(plan({ program: '/bin/p' }, 'x')).toEqual({ kind: 'program', program: '/bin/p', args: [] });
  });
});

describe('whatever is on the wire', () => {
  /** Groups that are what attackers send, and anything else. */
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc
      .array(
        fc.constantFrom('..', '.', '/', '//', '%2e', '%2E%2e', '%', '\\', '@', ':', '?', '#', 'a', '$1', '\0', ' '),
        {
          maxLength: 8,
        },
      )
      .map((parts) => parts.join('')),
  );
  const groups = fc.array(hostile, { minLength: 3, maxLength: 3 });
  /** Templates of settings, most of them allowed. */
  const template = fc
    .array(fc.constantFrom('$0', '$1', '$2', '${1}', '$$', 'a', '/', '.', 'x.cfg', '%2', '-', '='), {
      minLength: 1,
      maxLength: 8,
    })
    .map((parts) => parts.join(''));
  const planOf = (fields: Partial<RuleText>, found: readonly string[]): RuleWork | undefined => {
    const read = readRule(text(fields), 2);
    const planned = read.ok ? planWork(read.rule.target, found) : undefined;
    return planned?.ok === true ? planned.work : undefined;
  };

  it('no path is outside of the folder', () => {
    fc.assert(
      fc.property(template, groups, (file, found) => {
        const work = planOf({ root: '/srv/tftp', file }, found);
        if (work?.kind !== 'file') return;
        expect(posix.normalize(work.path)).toBe(work.path);
        expect(work.path.startsWith('/srv/tftp/')).toBe(true);
        expect(work.path).not.toContain('\0');
      }),
      { numRuns: 3000 },
    );
  });

  it('no step leads back, also where the parser of addresses overlooks it', () => {
    for (const group of ['.a/../../etc', '.a/..', '.a/%2e%2e/x', '.a/.'])
      expect(planOf({ url: 'http://boot.example/below/$1' }, ['', group, '']) ?? 'refused').toEqual(
        group.includes('%') ? expect.objectContaining({ kind: 'url' }) : 'refused',
      );
    expect(readRule(text({ url: 'http://boot.example/.a/../$1' }), 2).ok).toBe(false);
  });

  it('no address is of another server, or above the path of the rule', () => {
    fc.assert(
      fc.property(template, template, groups, (path, query, found) => {
        const work = planOf({ url: `http://boot.example:8080/below/${path}?q=${query}` }, found);
        if (work?.kind !== 'url') return;
        const url = new URL(work.url);
        expect([url.origin, url.username, url.hash]).toEqual(['http://boot.example:8080', '', '']);
        expect(url.pathname.startsWith('/below/')).toBe(true);
        expect(url.pathname.split('/').map((step) => step.replace(/%2e/gi, '.'))).not.toContain('..');
        expect(url.search.startsWith('?q=')).toBe(true);
        // A group brings no parameter of its own.
        expect([...url.search].filter((each) => each === '&')).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  it('a program has as many arguments as its rule, and they are what was found', () => {
    fc.assert(
      fc.property(fc.array(template, { maxLength: 5 }), groups, (args, found) => {
        const work = planOf({ program: '/bin/p', args: [...args, '$1'] }, found);
        if (work?.kind !== 'program') return;
        expect(work.program).toBe('/bin/p');
        expect(work.args).toHaveLength(args.length + 1);
        expect(work.args.at(-1)).toBe(found[1]);
        for (const [i, arg] of args.entries()) if (!arg.includes('$')) expect(work.args[i]).toBe(arg);
      }),
      { numRuns: 2000 },
    );
  });
});
