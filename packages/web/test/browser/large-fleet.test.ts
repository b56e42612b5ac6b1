import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seedFleet, type SeedBoard } from '../../../server/test/system/seed-fleet.js';
import { startServer, type TestServer } from '../../../server/test/system/server.js';
import { expectAccessible, logIn, startBrowser, takePicture, type TestBrowser } from './browser.js';

// 5,000 boards: filtered, scrolled and selected at the speed of a hand.

const boards = 5000;
const racks = ['a', 'b', 'c', 'd'];
const kinds = ['pi3', 'pi4', 'pi5', 'cm4'] as const;

let folder: string;
let server: TestServer;
let browser: TestBrowser;
let page: Page;

const board = (index: number): SeedBoard => {
  const hex = index.toString(16).padStart(8, '0');
  return {
    name: `board-${index}`,
    serial: `10000000${hex}`,
    mac: `dc:a6:32:00:${hex.slice(4, 6)}:${hex.slice(6)}`,
    model: kinds[index % kinds.length] ?? 'pi4',
    labels: { rack: racks[index % racks.length] ?? 'a', slot: String(index % 40) },
  };
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-fleet-'));
  const first = await startServer({ folder });
  await first.stop();
  await seedFleet(
    first.dataDir,
    Array.from({ length: boards }, (_, index) => board(index)),
  );
  server = await startServer({ folder });
  browser = await startBrowser();
  page = await browser.open();
  await logIn(page, server.url, server.key);
  await page.getByText('5,000 boards').waitFor({ timeout: 60_000 });
}, 600_000);
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const count = () => page.getByRole('status').filter({ hasText: /boards?$/ });
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Ms from a keystroke to the frame that shows what fits. */
const typed = (text: string): Promise<number> =>
  page.evaluate(`new Promise((resolve) => {
    const input = document.querySelector('input[type=search]');
    const shown = () => document.querySelector('h1 + div [role=status]').textContent;
    const before = shown();
    const began = performance.now();
    const look = () => shown() === before && performance.now() - began < 10_000 ? requestAnimationFrame(look) : requestAnimationFrame(() => resolve(performance.now() - began));
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, ${JSON.stringify(text)});
    input.dispatchEvent(new Event('input', { bubbles: true }));
    requestAnimationFrame(look);
  })`);

/** Ms between frames while the list is flung: 200 pixels a frame. */
const scrolled = (frames: number): Promise<number[]> =>
  page.evaluate(`new Promise((resolve) => {
    const list = document.querySelector('[role=grid]');
    const times = [];
    let last = performance.now();
    const step = (now) => {
      times.push(now - last);
      last = now;
      list.scrollTop += 200;
      if (times.length > ${frames}) resolve(times.slice(1));
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  })`);

it('is filtered as fast as somebody types', async () => {
  const times: number[] = [];
  for (const text of ['board-4', 'board-49', 'board-499', '', 'rack=c', '10000000000001f', '']) {
    times.push(await typed(text));
  }
  console.log(
    `figure web filter-5000: ${median(times).toFixed(0)} ms median, ${Math.max(...times).toFixed(0)} ms most`,
  );
  // Far above what a machine of its own needs; cores here are shared.
  expect(median(times)).toBeLessThan(300);
});

/** Seconds of processor that the page has used, however busy the machine is with other things. */
const processorSeconds = async (cdp: CDPSession): Promise<number> => {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0;
};

it('is scrolled without jank, and holds only what is seen', async () => {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await processorSeconds(cdp);
  const times = await scrolled(90);
  const work = ((await processorSeconds(cdp)) - before) * (1000 / 90);
  const p95 = [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;
  console.log(
    `figure web scroll-5000: ${median(times).toFixed(1)} ms a frame median, ${p95.toFixed(1)} ms p95, ${work.toFixed(1)} ms of processor`,
  );
  // A frame of 60 a second has 16.7 ms; these processors are slower than those of desks.
  expect(work).toBeLessThan(33);
  expect(await page.getByRole('grid', { name: 'Boards' }).getByRole('row').count()).toBeLessThan(80);
});

it('is filtered by labels and model, in the address too', async () => {
  await page.getByLabel('Labels').fill('rack=b');
  await page.getByLabel('Model').selectOption('pi4');
  await expect.poll(() => count().textContent()).toBe('1,250 of 5,000 boards');
  await expect.poll(() => page.url()).toMatch(/model=pi4.*labels=rack%3Db/);
  await page.reload();
  await expect.poll(() => count().textContent()).toBe('1,250 of 5,000 boards');
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect.poll(() => count().textContent()).toBe('5,000 boards');
});

it('is walked through with the keyboard', async () => {
  await page.keyboard.press('/');
  await page.keyboard.type('board-42');
  await expect.poll(() => count().textContent()).toBe('111 of 5,000 boards');
  const grid = page.getByRole('grid', { name: 'Boards' });
  await grid.focus();
  for (const key of ['End', 'Home', 'ArrowDown', 'ArrowDown', ' ', 'ArrowDown', ' ']) await page.keyboard.press(key);
  await page.getByText('2 boards selected').waitFor();
  await expectAccessible(page, 'boards that are selected');
  await takePicture(page, 'fleet-selected');
  await page.keyboard.press('Control+a');
  await page.getByText('111 boards selected').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('111 boards selected').waitFor({ state: 'detached' });
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'board-42', exact: true }).waitFor();
});

it('is labelled by the hundred, each board with what became of it', async () => {
  await page.goto(`${server.url}/ui/?q=board-7`);
  await expect.poll(() => count().textContent()).toBe('111 of 5,000 boards');
  await page.getByRole('grid', { name: 'Boards' }).focus();
  await page.keyboard.press('Control+a');
  await page.getByRole('button', { name: 'Label', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Labels').fill('batch=seven -slot');
  await dialog.getByRole('button', { name: 'Set labels 111 boards' }).click();
  await dialog.getByText('111 of 111 done').waitFor({ timeout: 60_000 });
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  const { items } = await server.client.devices.list({ query: { selector: 'batch=seven', limit: 500 } });
  expect(items).toHaveLength(111);
  expect(items.every(({ labels }) => labels['slot'] === undefined && labels['rack'] !== undefined)).toBe(true);
  await page.goto(`${server.url}/ui/?labels=batch%3Dseven`);
  await expect.poll(() => count().textContent()).toBe('111 of 5,000 boards');
});

it('is shown as tiles, and follows what happens', async () => {
  await page.goto(`${server.url}/ui/?view=grid`);
  await expect.poll(() => count().textContent()).toBe('5,000 boards');
  await takePicture(page, 'fleet-tiles');
  await expectAccessible(page, 'tiles');
  await server.client.devices.create({ body: { name: 'aaa-new', model: 'pi5', mac: 'dc:a6:32:ff:00:01' } });
  await page.getByRole('link', { name: 'aaa-new' }).waitFor();
  await server.client.devices.update({ params: { ref: 'aaa-new' }, body: { name: 'aab-renamed' } });
  await page.getByRole('link', { name: 'aab-renamed' }).waitFor();
});

it('says when the connection is lost, and catches up when it is back', async () => {
  await server.kill('control', 'SIGKILL');
  await page.getByText('The connection to the server is lost').waitFor({ timeout: 60_000 });
  await takePicture(page, 'connection-lost');
  await server.ready();
  await server.client.devices.update({ params: { ref: 'aab-renamed' }, body: { name: 'aac-again' } });
  await page.getByText('The connection to the server is lost').waitFor({ state: 'detached', timeout: 60_000 });
  await page.getByRole('link', { name: 'aac-again' }).waitFor({ timeout: 60_000 });
});

it('broke nothing on the way', () => {
  expect(
    browser.faults.filter(
      (fault) =>
        !/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)|status of 503/.test(
          fault,
        ),
    ),
  ).toEqual([]);
});
