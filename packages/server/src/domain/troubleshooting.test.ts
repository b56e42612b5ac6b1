import { readFileSync } from 'node:fs';
import { faults as networkFaults } from '@drover/doctor';
import { describe, expect, it } from 'vitest';
import { faults as bootFaults } from './verdict-faults.js';

/** Not a row of the table: it is told with the last boot's fault. */
const loop = 'boot-loop';

const page = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8');
/** What the page says of each fault, in one line. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...lines] = section.split(/^## /m)[0]!.split('\n');
      return [title.trim(), lines.join(' ').replace(/\s+/g, ' ')] as const;
    }),
);

describe('docs/troubleshooting.md', () => {
  it('has a section for each fault of networks and boots, and no other', () => {
    const ids = new Set([...networkFaults, ...bootFaults].map(({ id }) => id));
    expect([...sections.keys()].sort()).toEqual([...ids, loop].sort());
  });

  it.each(
    [...networkFaults, ...bootFaults].flatMap(({ id, remedy }) => (typeof remedy === 'string' ? [[id, remedy]] : [])),
  )('says of %s what to do: %s', (id, remedy) => {
    expect(sections.get(id)).toContain(remedy);
  });
});

describe('the two tables of faults', () => {
  it('have one number in the catalogue for what both can see', () => {
    const both = networkFaults.flatMap((one) => {
      const other = bootFaults.find(({ id }) => id === one.id);
      return other === undefined ? [] : [[one.id, one.number, other.number] as const];
    });
    expect(both.length).toBeGreaterThan(8);
    for (const [id, ours, theirs] of both) expect([id, ours]).toEqual([id, theirs]);
  });
});
