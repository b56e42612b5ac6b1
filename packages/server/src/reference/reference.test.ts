import { format } from 'prettier';
import { expect, it } from 'vitest';
import { metricFacts } from './metric-facts.js';
import { errorsPage, eventsPage, metricsPage } from './pages.js';

const folder = '../../../../docs/reference';

it.each([
  ['errors', async () => errorsPage()],
  ['events', async () => eventsPage()],
  ['metrics', async () => metricsPage(await metricFacts())],
] as const)('keeps docs/reference/%s.md as the code says (npm run generate)', async (name, make) => {
  const page = await format(await make(), { parser: 'markdown', singleQuote: true, printWidth: 120 });
  await expect(page).toMatchFileSnapshot(`${folder}/${name}.md`);
});

it('has a meaning for every metric, once', async () => {
  const facts = await metricFacts();
  expect(facts.filter(({ help, kind }) => help === '' || kind === '')).toEqual([]);
  expect(new Set(facts.map(({ name }) => name)).size).toBe(facts.length);
});
