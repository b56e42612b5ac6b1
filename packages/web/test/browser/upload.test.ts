import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCardPress, type CardFile } from '../../../server/test/system/crash/card.js';
import { logIn, startBrowser, type TestBrowser } from './browser.js';
import { openHouse, type House } from './house.js';

// An upload whose page is closed in the middle of it.

let house: House;
let card: CardFile;
let browser: TestBrowser;
let page: Page;
beforeAll(async () => {
  house = await openHouse();
  card = await (await createCardPress(house.folder)).make('img', 'half-way');
  browser = await startBrowser();
  page = await browser.open();
  // "Leave this page?"
  page.on('dialog', (dialog) => void dialog.accept());
  await logIn(page, house.server.url, house.server.key);
});
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

const MiB = 2 ** 20;
/** Bytes a second that the page may send; -1: as many as it can. */
const slowTo = async (uploadThroughput: number): Promise<void> => {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
  await cdp.send('Network.emulateNetworkConditions', conditions);
};
/** The page is left when the first piece of 8 MiB is on the server. */
const leaveHalfWay = async (version: string): Promise<void> => {
  await slowTo(4 * MiB);
  await choose(version);
  await page.getByText(/^(8\.4|16\.8) MB of .* sent$/).waitFor({ timeout: 60_000 });
  await page.goto(`${house.server.url}/ui/jobs`);
  await slowTo(-1);
};
/** Where the pieces begin that are sent from now on. */
const watchOffsets = (): number[] => {
  const offsets: number[] = [];
  page.on('request', (request) => {
    if (request.method() === 'PATCH') offsets.push(Number(new URL(request.url()).searchParams.get('offset')));
  });
  return offsets;
};

const choose = async (version: string): Promise<void> => {
  await page.goto(`${house.server.url}/ui/images`);
  await page.getByLabel('Image file').setInputFiles(card.path);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Version').fill(version);
  await dialog.getByRole('button', { name: 'Import' }).click();
};

const whenReady = (version: string): Promise<void> =>
  page
    .getByRole('list', { name: 'Images', exact: true })
    .getByRole('listitem')
    .filter({ hasText: `:${version}` })
    .getByText('Ready')
    .waitFor({ timeout: 120_000 });

it('goes on where it was when the file is chosen again', async () => {
  expect(card.size).toBeGreaterThan(17 * MiB);
  await leaveHalfWay('1');
  const offsets = watchOffsets();
  await choose('2');
  await whenReady('2');
  expect(offsets[0]).toBeGreaterThanOrEqual(8 * MiB);
  expect((await house.server.client.images.list({})).items.map(({ version, state }) => [version, state])).toEqual([
    ['2', 'ready'],
  ]);
});

it('begins anew when the server has thrown it away', async () => {
  await leaveHalfWay('3');
  const [note] = await page.evaluate<[string, string][]>("JSON.parse(localStorage.getItem('drover.uploads'))");
  await house.server.client.uploads.delete({ params: { id: note?.[1] ?? '' } });
  const offsets = watchOffsets();
  await choose('4');
  await whenReady('4');
  expect(offsets[0]).toBe(0);
});
