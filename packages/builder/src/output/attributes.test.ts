import { expect, it } from 'vitest';
import { parseAttributes } from './attributes.js';

it('attributes come with their files, in one order, whatever the names are made of', () => {
  const text = `# file: usr/bin/ping
security.capability=0sAQAAAgAgAAAAAAAAAAAAAAAAAAA=

# file: opt/a\\134b\\012c \\303\\244
user.two=0sMg==
user.one=0sMQ==

`;
  expect(parseAttributes(text)).toEqual([
    { path: '/opt/a\\b\nc ä', name: 'user.one', value: 'MQ==' },
    { path: '/opt/a\\b\nc ä', name: 'user.two', value: 'Mg==' },
    { path: '/usr/bin/ping', name: 'security.capability', value: 'AQAAAgAgAAAAAAAAAAAAAAAAAAA=' },
  ]);
  expect(parseAttributes('')).toEqual([]);
});
