import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCardPress, type CardFile } from '../../../server/test/system/crash/card.js';
import { expectAccessible, logIn, startBrowser, takePicture, type TestBrowser } from './browser.js';
import { openHouse, type House } from './house.js';

// The first five minutes: from an empty installation to a board that is up, one that fails, and a release.

let house: House;
let browser: TestBrowser;
let page: Page;
let card: CardFile;

beforeAll(async () => {
  house = await openHouse();
  browser = await startBrowser();
  card = await (await createCardPress(house.folder)).make('xz', 'dashboard');
  page = await browser.open();
}, 1_800_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

const patience = { timeout: 60_000 };
const board = ['--serial', '10000000feed0001', '--mac', 'dc:a6:32:fe:ed:01'];
const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const go = async (name: string): Promise<void> => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
};

it('lets nobody in without a key', async () => {
  await page.goto(`${house.server.url}/ui/images`);
  await heading('Log in to Drover').waitFor(patience);
  await expectAccessible(page, 'log in');
  await takePicture(page, 'log-in');
  await page.getByLabel('API key').fill('drv_wrong-key');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').getByText('This key is not known here').waitFor(patience);
  await logIn(page, house.server.url, house.server.key);
});

it('shows an empty installation what to do, and what is heard on the network', async () => {
  await heading('Your first board').waitFor(patience);
  await page.getByText('Nothing was heard since you opened this page').waitFor(patience);
  const simulated = house.simulate(...board);
  const seen = page.getByRole('list', { name: 'Boards that were seen' }).getByRole('listitem');
  await seen.first().waitFor(patience);
  expect((await simulated).code).toBe(4);
  await page.getByText('asks who can boot it').first().waitFor(patience);
});

it('takes an image by drag and drop', async () => {
  await go('Images');
  await heading('Images').waitFor(patience);
  await page.getByText('There is no image yet').waitFor(patience);
  await expectAccessible(page, 'images, empty');
  const bytes = (await readFile(card.path)).toString('base64');
  const transfer = await page.evaluateHandle(
    `(() => {
      const bytes = Uint8Array.from(atob(${JSON.stringify(bytes)}), (each) => each.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], '2026-11-22-raspios-lite.img.xz'));
      return transfer;
    })()`,
  );
  const drop = page.getByRole('region', { name: 'Import' });
  for (const type of ['dragenter', 'dragover', 'drop']) await drop.dispatchEvent(type, { dataTransfer: transfer });
  const dialog = page.getByRole('dialog');
  expect(await dialog.getByLabel('Name').inputValue()).toBe('raspios-lite');
  expect(await dialog.getByLabel('Version').inputValue()).toBe('2026-11-22');
  await dialog.getByRole('button', { name: 'Import' }).click();
  const row = page.getByRole('list', { name: 'Images', exact: true }).getByRole('listitem');
  await row.getByText('Ready').waitFor({ timeout: 120_000 });
  await expectAccessible(page, 'images');
  await takePicture(page, 'images');
  await row.getByRole('link', { name: 'raspios-lite:2026-11-22' }).click();
  await page.getByRole('region', { name: 'Files' }).getByText('cmdline.txt').waitFor(patience);
  await page.getByText('No board uses it').waitFor(patience);
  await expectAccessible(page, 'an image');
  await takePicture(page, 'image');
});

describe('a board', () => {
  it('is adopted where it was seen', async () => {
    await go('First steps');
    await heading('Your first board').waitFor(patience);
    await expectAccessible(page, 'first steps');
    await takePicture(page, 'first-steps');
    await page.getByRole('button', { name: 'Adopt' }).first().click();
    await page.getByText('is adopted. Give it an image next.').waitFor(patience);
  });

  it('is provisioned', async () => {
    await go('Provision');
    await heading('Provision').waitFor(patience);
    await page.getByRole('list', { name: 'Free boards' }).getByRole('checkbox').first().check();
    await page.getByLabel('Image', { exact: true }).selectOption('raspios-lite:2026-11-22');
    await page.getByRole('radio', { name: /In memory/ }).check();
    await expectAccessible(page, 'provision');
    await takePicture(page, 'provision');
    await page.getByRole('button', { name: 'Provision' }).click();
    await page.getByText('In use').first().waitFor({ timeout: 180_000 });
    await page.getByText('Unplug the board and plug it in again').waitFor(patience);
  });

  it('is watched until it is up', async () => {
    const simulated = house.simulate(...board, '--attempts', '3');
    const timeline = page.getByRole('region', { name: 'Timeline' });
    await timeline.getByText('Asks who can boot it').first().waitFor(patience);
    await timeline
      .getByText(/kernel8\.img/)
      .first()
      .waitFor(patience);
    await timeline.getByText('The system is up').first().waitFor({ timeout: 120_000 });
    expect((await simulated).code).toBe(0);
    await timeline.getByText('Up', { exact: true }).waitFor(patience);
    await expectAccessible(page, 'a board that is up');
    await takePicture(page, 'board-up');
  });

  it('that fails says why, and what to do', async () => {
    const simulated = house.simulate(...board, '--fault', 'fail-at=mount');
    const timeline = page.getByRole('region', { name: 'Timeline' });
    await timeline.getByText('What to do:').waitFor({ timeout: 120_000 });
    expect((await simulated).code).toBe(4);
    await timeline.getByText('Console log').waitFor(patience);
    expect(await timeline.getByRole('link', { name: 'See what the doctor says' }).count()).toBe(1);
    await expectAccessible(page, 'a board that failed');
    await takePicture(page, 'board-failed');
  });

  it('is released', async () => {
    await page.getByRole('button', { name: 'Release' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('They lose their image').waitFor(patience);
    await expectAccessible(page, 'the question before a release');
    await dialog.getByRole('button', { name: /^Release / }).click();
    await dialog.getByText('1 of 1 done').waitFor(patience);
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('Ready for an image.').waitFor(patience);
    await go('Fleet');
    await page.getByRole('grid', { name: 'Boards' }).getByText('Available').waitFor(patience);
    await expectAccessible(page, 'the fleet');
  });
});

it('is fit for a phone', async () => {
  const phone = await browser.open({ width: 360, height: 740 });
  await logIn(phone, house.server.url, house.server.key);
  for (const path of ['', 'images', 'start', 'provision', 'access', 'audit']) {
    await phone.goto(`${house.server.url}/ui/${path}`);
    await phone.getByRole('heading', { level: 1 }).waitFor(patience);
    const wide = await phone.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect([path, wide]).toEqual([path, false]);
    await takePicture(phone, `phone-${path === '' ? 'fleet' : path}`);
  }
  await phone.getByRole('button', { name: 'Menu' }).click();
  await phone.getByRole('link', { name: 'Images', exact: true }).click();
  await phone.getByRole('heading', { level: 1, name: 'Images' }).waitFor(patience);
});

it('shows a reader nothing that would be refused', async () => {
  const { key } = await house.server.client.keys.create({ body: { name: 'guest', role: 'reader' } });
  const guest = await browser.open();
  await logIn(guest, house.server.url, key);
  await guest.goto(`${house.server.url}/ui/images`);
  await guest.getByRole('link', { name: 'raspios-lite:2026-11-22' }).waitFor(patience);
  expect(await guest.getByRole('button', { name: 'Choose a file' }).count()).toBe(0);
  expect(await guest.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents()).toEqual([
    'Fleet',
    'Images',
    'Builds',
    'Jobs',
    'Events',
    'First steps',
    'Doctor',
    'Server',
  ]);
});

it('logs out, and is logged out when its key is revoked', async () => {
  const made = await house.server.client.keys.create({ body: { name: 'ann', role: 'operator' } });
  const ann = await browser.open();
  await logIn(ann, house.server.url, made.key);
  await house.server.client.keys.revoke({ params: { id: made.id } });
  await ann.getByRole('link', { name: 'Images', exact: true }).click();
  await ann.getByRole('heading', { level: 1, name: 'Log in to Drover' }).waitFor(patience);
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await heading('Log in to Drover').waitFor(patience);
});

it('broke nothing on the way', () => {
  expect(browser.faults).toEqual([]);
});
