import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../server/test/system/server.js';
import { expectAccessible, logIn, startBrowser, takePicture, type TestBrowser } from './browser.js';
import { openHouse, type House } from './house.js';

// What keeps an installation going: the server's health, builds, events, jobs, the audit trail, keys and tenants.

let house: House;
let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  house = await openHouse();
  browser = await startBrowser();
  page = await browser.open();
  await logIn(page, house.server.url, house.server.key);
}, 600_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

const patience = { timeout: 60_000 };
const board = ['--serial', '10000000feed0002', '--mac', 'dc:a6:32:fe:ed:02'];
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
const macOf = (index: number): string => `02:00:00:00:${hex(index >> 8)}:${hex(index & 255)}`;
const heading = (name: string | RegExp, of: Page = page) => of.getByRole('heading', { level: 1, name });
const go = async (name: string): Promise<void> => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
  await heading(name).waitFor(patience);
};

describe('events', () => {
  it('come as they happen, in plain words and with the way to what they are about', async () => {
    await go('Events');
    const list = page.getByRole('list', { name: 'Events, newest first' });
    await list.getByText('Tenant created').waitFor(patience);
    await house.simulate(...board);
    await list.getByText('Board seen for the first time').waitFor(patience);
    await page.getByText('Live', { exact: true }).waitFor(patience);
    await expectAccessible(page, 'events');
    await takePicture(page, 'events');
  });

  it('are filtered by the address', async () => {
    await page.getByLabel('Type', { exact: true }).selectOption('device.discovered');
    await expect.poll(() => new URL(page.url()).search).toBe('?type=device.discovered');
    const list = page.getByRole('list', { name: 'Events, newest first' });
    await expect.poll(() => list.getByRole('listitem').count()).toBe(1);
    await page.getByLabel('About the id').fill('dev_none');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByText('No such event').waitFor(patience);
    await page.getByRole('button', { name: 'Show all' }).click();
    await list.getByText('Board seen for the first time').waitFor(patience);
  });

  it('are read back to the first, and what is new waits while somebody reads further down', async () => {
    const { client } = house.server;
    for (let from = 0; from < 450; from += 50) {
      const batch = Array.from({ length: 50 }, (_, index) => from + index);
      await Promise.all(
        batch.map((index) => client.devices.create({ body: { mac: macOf(index), name: `e-${index}` } })),
      );
    }
    await page.reload();
    const region = page.getByRole('region', { name: 'Events, newest first' });
    await region.getByText('Board registered').first().waitFor(patience);
    await region.focus();
    await expect
      .poll(
        async () => {
          await page.keyboard.press('End');
          return region.getByText('There are no older ones.').isVisible();
        },
        { timeout: 60_000 },
      )
      .toBe(true);
    await region.getByText('Tenant created').waitFor(patience);
    await client.devices.create({ body: { mac: '02:00:00:00:ff:ff', name: 'late' } });
    await page.getByRole('button', { name: /new event/ }).click();
    await region.getByRole('link', { name: 'late' }).first().waitFor(patience);
  });
});

describe('a build', () => {
  it('is begun by its recipe', async () => {
    await go('Builds');
    await page.getByText('Nothing was built yet').waitFor(patience);
    await expectAccessible(page, 'builds, empty');
    await page.getByRole('button', { name: 'Build an image' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Which one').selectOption('base');
    await expectAccessible(page, 'the question before a build');
    await takePicture(page, 'build-start');
    await dialog.getByRole('button', { name: 'Build', exact: true }).click();
    await heading('Build of base').waitFor(patience);
  });

  it('is followed, cancelled, and says so', async () => {
    const log = page.getByRole('log', { name: 'Log' });
    await log
      .getByText(/^\[1\/\d+\]/)
      .first()
      .waitFor(patience);
    const cancel = page.getByRole('button', { name: 'Cancel', exact: true });
    if (await cancel.isVisible()) await cancel.click();
    await page
      .locator('h1 + *')
      .getByText(/Cancelled|Failed/)
      .waitFor({ timeout: 120_000 });
    await expectAccessible(page, 'a build');
  });

  it('has a log of any length, of which only what is seen is in the page', async () => {
    const file = (await readdir(house.server.dataDir, { recursive: true })).find((path) => /bld_.*\.log$/.test(path));
    expect(file).toBeDefined();
    const lines = Array.from(
      { length: 60_000 },
      (_, index) => `Get:${index} http://deb.example.org stable/main arm64 package-${index}`,
    );
    await appendFile(join(house.server.dataDir, file ?? ''), `\n${lines.join('\n')}\nthe very last line\n`);
    await page.reload();
    const log = page.getByRole('log', { name: 'Log' });
    await page.getByText(/^6\d,\d{3} lines$/).waitFor(patience);
    expect(await log.locator('code').count()).toBeLessThan(200);
    await page.getByLabel('Search the log').fill('package-41234');
    await page.getByText('1 of 1', { exact: true }).waitFor(patience);
    await log.getByText('package-41234').waitFor(patience);
    const frames = await page.evaluate<number[]>(
      `new Promise((resolve) => {
        const box = document.querySelector('[role=log]');
        const times = [];
        let last = performance.now();
        const step = (now) => {
          times.push(now - last);
          last = now;
          box.scrollTop += 2500;
          if (times.length < 60) requestAnimationFrame(step);
          else resolve(times.slice(1));
        };
        requestAnimationFrame(step);
      })`,
    );
    const median = frames.toSorted((a, b) => a - b)[Math.floor(frames.length / 2)] ?? 0;
    console.log(`a log of 60,000 lines scrolls with ${median.toFixed(0)} ms a frame (median)`);
    expect(median).toBeLessThan(100);
    await log.focus();
    await page.keyboard.press('End');
    await log.getByText('the very last line').waitFor(patience);
    await expectAccessible(page, 'a long log');
    await takePicture(page, 'build');
  });

  it('is pinned, not deleted while it is, and deleted then', async () => {
    await page.getByRole('button', { name: 'Pin', exact: true }).click();
    await page.getByText('It is kept.').waitFor(patience);
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('It is pinned: the server will refuse.').waitFor(patience);
    await dialog.getByRole('button', { name: 'Delete the build' }).click();
    await dialog.getByRole('alert').waitFor(patience);
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await page.getByRole('button', { name: 'Unpin', exact: true }).click();
    await page.getByRole('button', { name: 'Pin', exact: true }).waitFor(patience);
    await page.getByRole('link', { name: 'Builds', exact: true }).last().click();
    await page
      .getByRole('region', { name: 'Builds, newest first' })
      .getByRole('link', { name: 'base' })
      .waitFor(patience);
    await expectAccessible(page, 'builds');
    await takePicture(page, 'builds');
    await page.getByRole('region', { name: 'Builds, newest first' }).getByRole('link', { name: 'base' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete the build' }).click();
    await page.getByText('Nothing was built yet').waitFor(patience);
  });
});

it('jobs say what became of them, and are begun again', async () => {
  await go('Jobs');
  const list = page.getByRole('region', { name: 'Jobs, newest first' });
  await list.getByText('Build of an image').first().waitFor(patience);
  await expectAccessible(page, 'jobs');
  await takePicture(page, 'jobs');
  await page.getByLabel('State', { exact: true }).selectOption('succeeded');
  await page.getByText('No such job').waitFor(patience);
  await page.getByLabel('State', { exact: true }).selectOption('');
  await list.getByRole('button', { name: 'Build of an image' }).first().click();
  await page.getByRole('region', { name: 'The job' }).getByText('Attempts').waitFor(patience);
  await expectAccessible(page, 'a job');
});

describe('keys and tenants', () => {
  it('are made, shown once, and revoked', async () => {
    await go('Keys & tenants');
    await page.getByRole('button', { name: 'New key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Whom or what it is for').fill('night shift');
    await dialog.getByLabel('Works').selectOption('7');
    await expectAccessible(page, 'a new key');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByText(/^drv_/).waitFor(patience);
    await dialog.getByRole('button', { name: 'I have it' }).click();
    const row = page.getByRole('row', { name: /night shift/ });
    await row.getByText('in 6 days').waitFor(patience);
    expect(await page.getByText(/drv_[A-Za-z0-9_-]{20,}/).count()).toBe(0);
    await expectAccessible(page, 'keys and tenants');
    await takePicture(page, 'keys');
    await row.getByRole('button', { name: 'Revoke night shift' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke night shift' }).click();
    await row.waitFor({ state: 'detached', ...patience });
    await page.getByLabel('Show revoked ones').check();
    await row.getByText('Revoked').waitFor(patience);
  });

  it('are taken in', async () => {
    await page.getByRole('button', { name: 'Take in a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('The key').fill('old-key-of-the-cards');
    await dialog.getByLabel('Whom or what it is for').fill('old cards');
    await dialog.getByRole('button', { name: 'Take it in' }).click();
    await page
      .getByRole('row', { name: /old cards/ })
      .getByText('Works')
      .waitFor(patience);
  });

  it('have limits, and show what is used of them', async () => {
    await page.getByRole('button', { name: 'New tenant' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('lab');
    await dialog.getByLabel('Disks', { exact: true }).fill('4');
    await dialog.getByLabel('All disks together, in GB').fill('1.5');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    const tenants = page.getByRole('region', { name: 'Tenants' });
    await tenants.getByText('Disks: 0 of 4').waitFor(patience);
    await tenants.getByText('Room of disks: 0 B of 1.5 GB').waitFor(patience);
  });
});

it('the audit trail is searched, with the filter in the address', async () => {
  await go('Audit');
  const list = page.getByRole('region', { name: 'Audit trail, newest first' });
  await list.getByText('Create a tenant').waitFor(patience);
  await expectAccessible(page, 'audit');
  await takePicture(page, 'audit');
  await page.getByLabel('Search').fill('revokeKey');
  await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe('revokeKey');
  await expect.poll(() => list.getByRole('listitem').count()).toBe(1);
  await page.getByLabel('Search').fill('');
  await page.getByLabel('Only what was refused').check();
  await list.getByText('build.pinned').waitFor(patience);
});

describe('the page of the server', () => {
  it('tells how it does and draws its last hour', async () => {
    await go('Server');
    await page.getByText('Database: well').waitFor(patience);
    await page.getByRole('heading', { name: 'Ready', exact: true }).waitFor(patience);
    const requests = page.getByRole('figure', { name: 'Requests' });
    await requests.locator('canvas').waitFor(patience);
    const most = requests.getByRole('row', { name: /TFTP/ });
    await until('boards asked for something', async () => !/most (0 |not known)/.test(await most.innerText()));
    const memory = page.getByRole('figure', { name: 'Memory' }).getByRole('row', { name: /Boot plane/ });
    await expect.poll(() => memory.innerText(), { timeout: 30_000 }).toMatch(/\d+(\.\d)? MB/);
    await expectAccessible(page, 'the server');
    await takePicture(page, 'server');
  });

  it('grows by itself', async () => {
    const points = 'document.querySelectorAll("canvas").length';
    expect(await page.evaluate(points)).toBe(8);
    await page.waitForResponse((response) => /stats\?after=[1-9]/.test(response.url()), { timeout: 30_000 });
  });

  it('is not for keys of a tenant', async () => {
    const { items } = await house.server.client.tenants.list();
    const tenant = items.find(({ name }) => name === 'lab')?.id ?? null;
    const { key } = await house.server.client.keys.create({ body: { name: 'lab', role: 'admin', tenant } });
    const lab = await browser.open();
    await logIn(lab, house.server.url, key);
    await lab.goto(`${house.server.url}/ui/builds`);
    await heading('Builds', lab).waitFor(patience);
    const links = await lab.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents();
    expect(links).toContain('Audit');
    expect(links).not.toContain('Server');
    await lab.goto(`${house.server.url}/ui/server`);
    await lab.getByText('These figures are those of the whole installation.').waitFor(patience);
  });
});

it('shows a reader nothing that would be refused', async () => {
  const { key } = await house.server.client.keys.create({ body: { name: 'guest', role: 'reader' } });
  const guest = await browser.open();
  await logIn(guest, house.server.url, key);
  await guest.goto(`${house.server.url}/ui/builds`);
  await heading('Builds', guest).waitFor(patience);
  expect(await guest.getByRole('button', { name: 'Build an image' }).count()).toBe(0);
  await guest.goto(`${house.server.url}/ui/jobs`);
  await guest.getByRole('region', { name: 'Jobs, newest first' }).getByText('Build of an image').waitFor(patience);
  expect(await guest.getByRole('button', { name: /^(Again|Cancel)/ }).count()).toBe(0);
});

it('is fit for a phone and for a wall', async () => {
  for (const [width, height] of [
    [360, 740],
    [2560, 1440],
  ] as const) {
    const other = await browser.open({ width, height });
    await logIn(other, house.server.url, house.server.key);
    for (const path of ['server', 'builds', 'jobs', 'events', 'audit', 'access']) {
      await other.goto(`${house.server.url}/ui/${path}`);
      await other.getByRole('heading', { level: 1 }).waitFor(patience);
      await other.waitForTimeout(700);
      const wide = await other.evaluate('document.documentElement.scrollWidth > innerWidth');
      expect([width, path, wide]).toEqual([width, path, false]);
      await takePicture(other, `${width < 500 ? 'phone' : 'wall'}-${path}`);
    }
  }
});

it('broke nothing on the way', () => {
  expect(browser.faults).toEqual([]);
});
