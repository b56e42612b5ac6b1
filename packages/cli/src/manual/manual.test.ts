import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { errorTable } from '@drover/contract';
import { commands, groups } from '../commands/index.js';
import { exitCodes, manualPages } from './pages.js';
import { cliReference } from './reference.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}packages/cli/package.json`, 'utf8')) as { version: string };
const table = { commands, groups };

describe('what is made from the commands (npm run generate)', () => {
  const pages = manualPages(table, version);

  it.each([...pages.keys()])('keeps docs/man/%s', async (name) => {
    await expect(pages.get(name)).toMatchFileSnapshot(`${root}docs/man/${name}`);
  });

  it('has no page of what is gone', () => {
    expect(readdirSync(`${root}docs/man`).sort()).toEqual([...pages.keys()].sort());
  });

  it('keeps docs/reference/cli.md', async () => {
    const page = await format(cliReference(table), { parser: 'markdown', singleQuote: true, printWidth: 120 });
    await expect(page).toMatchFileSnapshot(`${root}docs/reference/cli.md`);
  });

  it('knows every exit code that an error has', () => {
    const codes = new Set(Object.values(errorTable).map(({ exit }) => String(exit)));
    expect([...codes].filter((code) => !exitCodes.some(([known]) => known === code))).toEqual([]);
  });
});
