import { expect, test } from 'vitest';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildCache, cli } from './drover/build.js';
import { run } from './inputs/run.js';

// `base` is built by built-image.test.ts, `stock` by stock.long.test.ts, `docker` and `docker-disk` by docker.long.test.ts; here all are planned: their packages chosen, from Debian's own lists.

const recipes = readdirSync(fileURLToPath(new URL('../recipes', import.meta.url))).sort();

test.each(recipes)('%s can be built as it comes: each of its packages is there', async (name) => {
  const { stdout } = await run(['node', cli, 'build', name, '--dry-run', '--json', '--cache-dir', buildCache]);
  const plan = JSON.parse(stdout) as { packages: { name: string; version: string }[] };
  const names = plan.packages.map((each) => each.name);
  expect(names).toEqual(expect.arrayContaining(['openssh-server', 'raspi-firmware']));
  if (name === 'builder') {
    const node = plan.packages.find((each) => each.name === 'nodejs');
    expect(Number(node?.version.split('.')[0])).toBeGreaterThanOrEqual(20);
  }
});
