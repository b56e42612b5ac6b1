import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const below = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
const pages = [...readdirSync(root), ...['docs', 'bench', 'e2e', 'device', 'recipes'].flatMap(below)].filter((name) =>
  name.endsWith('.md'),
);

/** Without blocks and words of a program, where brackets are no links. */
const textOf = (name: string): string =>
  readFileSync(join(root, name), 'utf8')
    .replaceAll(/^ *```[\s\S]*?^ *```$/gm, '')
    .replaceAll(/`[^`\n]*`/g, 'x');

/** Names of headings, as those who show pages make them. */
const anchorsOf = (name: string): string[] =>
  [...readFileSync(join(root, name), 'utf8').matchAll(/^#+ +(.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Why a link leads nowhere; empty where it does. */
const faultOf = (page: string, link: string): string => {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : relative(root, join(root, dirname(page), path));
  if (!existsSync(join(root, target))) return `${link}: there is no ${target}`;
  if (anchor === undefined || !target.endsWith('.md') || anchorsOf(target).includes(anchor)) return '';
  return `${link}: ${target} has no such heading`;
};

const linksIn = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/.test(link));

describe('links between pages', () => {
  it.each(pages)('%s leads to what is there', (name) => {
    expect(
      linksIn(textOf(name))
        .map((link) => faultOf(name, link))
        .filter(Boolean),
    ).toEqual([]);
  });

  it('are found and judged', () => {
    expect(linksIn('[a](docs/how-to/cards.md#wi-fi), [b](https://example.org)')).toEqual([
      'docs/how-to/cards.md#wi-fi',
    ]);
    expect(faultOf('README.md', 'docs/how-to/cards.md#wi-fi')).toBe('');
    expect(faultOf('README.md', 'docs/how-to/cards.md#wifi')).toContain('no such heading');
    expect(faultOf('docs/how-to/cards.md', 'README.md')).toContain('there is no docs/how-to/README.md');
  });
});

describe('pages for people', () => {
  it.each(below('docs/how-to'))('%s is linked from the README', (name) => {
    expect(linksIn(textOf('README.md'))).toContain(name);
  });
});
