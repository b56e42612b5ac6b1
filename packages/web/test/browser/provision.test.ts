import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCardPress } from '../../../server/test/system/crash/card.js';
import { expectAccessible, logIn, startBrowser, takePicture, type TestBrowser } from './browser.js';
import { openHouse, type House } from './house.js';

// The rarer wishes of whoever provisions: what a board must be like, its first boot, its files, a place in the queue.

let house: House;
let browser: TestBrowser;
let page: Page;

const patience = { timeout: 60_000 };
const image = 'raspios-lite:2026-11-22';
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxl0rQ7yq4Qw0b9d1B2c3D4e5F6g7H8i9J0k1L2m3N4 anna@desk';

beforeAll(async () => {
  house = await openHouse();
  const { server } = house;
  const { client } = server;
  const card = await (await createCardPress(house.folder)).make('xz', 'provision');
  const imported = await server.cli('image', 'import', card.path, '--name', image);
  expect([imported.code, imported.stderr]).toEqual([0, expect.anything()]);
  const boards = [
    { name: 'small', memoryMiB: 1024, site: 'attic', labels: { rack: 'a' } },
    { name: 'large', memoryMiB: 4096, site: 'cellar', labels: { rack: 'b' } },
    { name: 'other', memoryMiB: 2048, site: 'cellar', labels: { rack: 'b' } },
  ];
  for (const [index, board] of boards.entries())
    await client.devices.create({ body: { ...board, model: 'pi4', mac: `dc:a6:32:fe:ed:5${index}` } });
  browser = await startBrowser();
  page = await browser.open();
  await logIn(page, house.server.url, house.server.key);
}, 1_800_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
});

const dialog = () => page.getByRole('dialog');
const button = (name: string) => page.getByRole('button', { name, exact: true });
const region = (name: string) => page.getByRole('region', { name, exact: true });
const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const submit = async (name: string): Promise<void> => {
  await dialog().getByRole('button', { name, exact: true }).click();
  await dialog().waitFor({ state: 'detached', ...patience });
};
const openWizard = async (who: 'any' | 'these'): Promise<void> => {
  await page.goto(`${house.server.url}/ui/provision`);
  await page.getByLabel('Image', { exact: true }).selectOption(image);
  if (who === 'any') await page.getByRole('radio', { name: /Any one that fits/ }).check();
};

describe('one that fits', () => {
  it('has the memory and the site that are asked for', async () => {
    await openWizard('any');
    expect(await page.getByLabel('Site').locator('option').allTextContents()).toEqual(['Any', 'attic', 'cellar']);
    await page.getByLabel('Site').selectOption('cellar');
    await page.getByLabel('Memory, at least').selectOption('4096');
    await page.getByLabel('Spread over').selectOption('rack');
    await expectAccessible(page, 'a wish for any board');
    await takePicture(page, 'provision-any');
    await button('Provision').click();
    await heading('large').waitFor(patience);
  });

  it('is where the fewest are in use', async () => {
    await openWizard('any');
    await page.getByLabel('Spread over').selectOption('rack');
    await page.getByLabel('Keep it').selectOption('3600');
    await button('Provision').click();
    await heading('small').waitFor(patience);
    const small = await house.server.client.devices.get({ params: { ref: 'small' } });
    expect(Date.parse(small.assignment?.leaseUntil ?? '') - Date.now()).toBeLessThan(3_600_000);
  });
});

describe('a board', () => {
  it('is told who it is at its first boot, and has files of its own', async () => {
    await openWizard('these');
    await page.getByRole('list', { name: 'Free boards' }).getByRole('checkbox').first().check();
    await page.getByLabel('First-boot settings').selectOption('fields');
    await page.getByLabel('Host name').fill('sign_17');
    await page.getByText('First-boot settings: hostname is not a host name').waitFor(patience);
    expect(await button('Provision').isDisabled()).toBe(true);
    await page.getByLabel('Host name').fill('sign-17');
    await page.getByLabel('Time zone').selectOption('Europe/Zurich');
    await page.getByLabel('User', { exact: true }).fill('anna');
    await page.getByLabel('Keys that may log in by SSH').fill(key);
    await button('Add a file').click();
    await dialog().getByLabel('Where it lies').fill('/etc/app/token');
    await dialog().getByLabel('Or its text').fill('geheim\n');
    await dialog().getByLabel('Mode').fill('0600');
    await expectAccessible(page, 'a file for a board');
    await submit('Give it this file');
    // A file is not yet a wish that was sent.
    expect(new URL(page.url()).pathname).toBe('/ui/provision');
    await region('Files').getByText('/etc/app/token').waitFor(patience);
    await expectAccessible(page, 'first-boot settings in the wizard');
    await takePicture(page, 'provision-options');
    await button('Provision').click();
    await heading('other').waitFor(patience);
    const { client } = house.server;
    expect(await client.firstBoot.get({ params: { ref: 'other' } })).toMatchObject({
      hostname: 'sign-17',
      timezone: 'Europe/Zurich',
      sshEnabled: true,
      users: [{ name: 'anna', authorizedKeys: [key], sudo: true, takesOver: true }],
    });
    const file = await client.deviceFiles.get({ params: { ref: 'other' }, query: { path: '/etc/app/token' } });
    expect([file.mode, Buffer.from(file.content, 'base64').toString()]).toEqual(['0600', 'geheim\n']);
  });

  it('shows and changes both on its page', async () => {
    await page.getByRole('tab', { name: 'Configuration' }).click();
    const settings = region('First-boot settings');
    await settings.getByText('anna, without a password, 1 key, sudo').waitFor(patience);
    await settings.getByRole('button', { name: 'Replace' }).click();
    await dialog().getByRole('combobox', { name: 'First-boot settings' }).selectOption('file');
    const toml =
      'config_version = 1\n[system]\nhostname = "hall"\n[user]\nname = "berta"\npassword = "open sesame"\npassword_encrypted = false\n';
    await dialog()
      .getByLabel('File', { exact: true })
      .setInputFiles({ name: 'custom.toml', mimeType: 'text/plain', buffer: Buffer.from(toml) });
    await submit('Save');
    await settings.getByText('berta, with a password').waitFor(patience);
    await region('Files of its own').getByText('/etc/app/token').waitFor(patience);
    await button('Give it a file').click();
    await dialog().getByLabel('Where it lies').fill('/etc/logo.png');
    await dialog()
      .getByLabel('File', { exact: true })
      .setInputFiles({ name: 'logo.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0, 0xff]) });
    await submit('Give it this file');
    await region('Files of its own').getByText('/etc/logo.png').waitFor(patience);
    await expectAccessible(page, 'files of a board');
    await button('Take away /etc/app/token').click();
    await submit('Take it away');
    await button('Take away /etc/app/token').waitFor({ state: 'detached', ...patience });
    await settings.getByRole('button', { name: 'Clear' }).click();
    await submit('Take them away');
    await settings.getByText('None: host name of the board').waitFor(patience);
    const { items } = await house.server.client.deviceFiles.list({ params: { ref: 'other' } });
    expect(items.map(({ path, size }) => [path, size])).toEqual([['/etc/logo.png', 4]]);
  });
});

describe('a place in the queue', () => {
  it('is refused without waiting when no board is free', async () => {
    await openWizard('any');
    await button('Provision').click();
    await page.getByRole('alert').waitFor(patience);
  });

  it('is shown as it moves, at an address of its own', async () => {
    const { client } = house.server;
    const before = await client.requests.create({ body: { image, any: true, waitSeconds: 600 } });
    await page.getByLabel('When none is free').selectOption('3600');
    await page.getByText('It waits for one that is free.').waitFor(patience);
    await button('Provision').click();
    const request = region('Request for a board');
    await request.getByText('Number 2 in the queue').waitFor(patience);
    await expectAccessible(page, 'a request that waits');
    await takePicture(page, 'provision-waiting');
    await client.requests.cancel({ params: { id: before.id } });
    await request.getByText('Next in the queue').waitFor(patience);
    await page.reload();
    await request.getByText('Next in the queue').waitFor(patience);
  });

  it('ends with a board when one is released', async () => {
    await house.server.client.devices.release({ params: { ref: 'small' } });
    await region('Request for a board').getByText('Has its board').waitFor({ timeout: 120_000 });
    await page.getByRole('link', { name: 'To the board' }).click();
    await heading('small').waitFor(patience);
  });

  it('is given up from the list of those who wait', async () => {
    await openWizard('any');
    await page.getByLabel('When none is free').selectOption('600');
    await button('Provision').click();
    await region('Request for a board').getByText('Next in the queue').waitFor(patience);
    await page.getByRole('link', { name: 'Ask for another' }).click();
    await page.getByText('1 request waiting for a board').click();
    await page
      .getByRole('list', { name: 'Waiting' })
      .getByRole('button', { name: /^Stop waiting/ })
      .click();
    await page.getByText('1 request waiting for a board').waitFor({ state: 'detached', ...patience });
    const { items } = await house.server.client.requests.list();
    expect(items[0]?.state).toBe('cancelled');
  });
});

it('is fit for a phone', async () => {
  const phone = await browser.open({ width: 360, height: 740 });
  await logIn(phone, house.server.url, house.server.key);
  await phone.goto(`${house.server.url}/ui/provision`);
  await phone.getByRole('radio', { name: /Any one that fits/ }).check();
  await phone.getByLabel('First-boot settings').selectOption('fields');
  await phone.getByLabel('Host name').scrollIntoViewIfNeeded();
  const wide = await phone.evaluate('document.documentElement.scrollWidth > innerWidth');
  expect(wide).toBe(false);
  await takePicture(phone, 'phone-provision-options');
});

it('broke nothing on the way', () => {
  expect(browser.faults).toEqual([]);
});
