import { format } from 'prettier';
import { expect, it } from 'vitest';
import { settingsPage } from './document.js';
import { settingKeys } from './describe.js';

it('keeps docs/reference/settings.md as the schema says (npm run generate)', async () => {
  const page = await format(settingsPage(), { parser: 'markdown', singleQuote: true, printWidth: 120 });
  await expect(page).toMatchFileSnapshot('../../../../docs/reference/settings.md');
});

it('has a description for every key', () => {
  expect(settingKeys.filter((key) => key.description === '').map((key) => key.path)).toEqual([]);
});
