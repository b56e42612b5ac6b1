import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectAccessible, logIn, startBrowser, takePicture, type TestBrowser } from './browser.js';
import { openHouse, type House } from './house.js';

// What the server knows of its network, on a page.

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
const region = (name: string, of: Page = page) => of.getByRole('region', { name, exact: true });

it('says what the server looked at, and what it serves', async () => {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Doctor', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Network doctor' }).waitFor(patience);
  const report = await house.server.client.server.doctor();
  const checks = region('Checks').getByRole('listitem');
  await checks.first().waitFor(patience);
  expect(await checks.count()).toBe(report.checks.length);
  await region('What the server knows').getByText('beside another DHCP server').waitFor(patience);
  await region('What the server knows').getByText('127.0.0.1').first().waitFor(patience);
  await expectAccessible(page, 'the doctor');
});

it('says by itself what goes wrong, what to do, and what that is concluded from', async () => {
  const { client } = house.server;
  const fault = page.locator('[data-fault="identity-conflict"]');
  expect(await fault.count()).toBe(0);
  await client.devices.create({ body: { serial: '10000000feed0044', mac: 'dc:a6:32:fe:ed:44', name: 'first' } });
  await client.devices.create({ body: { mac: 'dc:a6:32:fe:ed:45', name: 'second' } });
  await house.simulate('--serial', '10000000feed0044', '--mac', 'dc:a6:32:fe:ed:45');
  await fault.getByText('Two boards show the same identity').waitFor({ timeout: 20_000 });
  const { findings } = await client.server.doctor();
  const found = findings.find((each) => each.fault === 'identity-conflict');
  await fault.getByText(found?.remedy ?? 'no remedy').waitFor(patience);
  await fault.getByText('Concluded from 1 observation').click();
  await fault.getByText(found?.evidence[0] ?? 'no evidence').waitFor(patience);
  expect(await page.locator('[data-fault]').count()).toBe(findings.length);
  await expectAccessible(page, 'what the doctor found');
  await takePicture(page, 'doctor');
});

it('looks again when it is told to', async () => {
  const answer = page.waitForResponse((response) => response.url().endsWith('/api/v2/doctor'));
  await page.getByRole('button', { name: 'Look again' }).click();
  expect((await answer).status()).toBe(200);
});

it('says what only the command line can see, and how', async () => {
  await region('What only the network shows')
    .getByText(`sudo drover doctor --server ${house.server.url}`, { exact: true })
    .waitFor(patience);
});

it('is found from the first steps, by a reader, on a phone', async () => {
  const { key } = await house.server.client.keys.create({ body: { name: 'guest', role: 'reader' } });
  const guest = await browser.open({ width: 360, height: 740 });
  await logIn(guest, house.server.url, key);
  await guest.goto(`${house.server.url}/ui/start`);
  await guest.getByText('It is on, and still nothing is heard').click();
  await guest.getByRole('link', { name: 'network doctor' }).click();
  await region('What the server knows', guest).waitFor(patience);
  const wide = await guest.evaluate('document.documentElement.scrollWidth > innerWidth');
  expect(wide).toBe(false);
  await takePicture(guest, 'phone-doctor');
});

it('broke nothing on the way', () => {
  expect(browser.faults).toEqual([]);
});
