import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCardPress } from '../../../server/test/system/crash/card.js';
import { until } from '../../../server/test/system/server.js';
import { expectAccessible, logIn, startBrowser, takePicture, type TestBrowser } from './browser.js';
import { describeDisks, image } from './device-disks.js';
import { openHouse, type House } from './house.js';
import { openSerialLine, type SerialLine } from './serial-line.js';

// Everything that the page of one board has beside its boot: disks, power, boot config, console.

/** A power program of the extended contract: keeps one state in a file, and is broken while another file is there. */
const program = (folder: string): string => `#!/bin/sh
said=$(cat)
[ ! -e ${folder}/broken ] || { echo 'the relay is stuck' >&2; exit 1; }
case $said in
  *poweron*) printf on >${folder}/state; printf ok;;
  *poweroff*) printf off >${folder}/state; printf ok;;
  *) cat ${folder}/state;;
esac
`;

let folder: string;
let house: House;
let browser: TestBrowser;
let page: Page;
let line: SerialLine;

const patience = { timeout: 60_000 };
const board = ['--serial', '10000000feed0017', '--mac', 'dc:a6:32:fe:ed:17'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-device-'));
  await writeFile(join(folder, 'ppi'), program(folder));
  await chmod(join(folder, 'ppi'), 0o755);
  await writeFile(join(folder, 'state'), 'off');
  const bench = { kind: 'ppi', program: join(folder, 'ppi'), contract: 'extended', retries: 0 };
  house = await openHouse({ consoles: { localAddresses: true }, power: { drivers: { bench } } });
  const { server } = house;
  const { client } = server;
  const card = await (await createCardPress(house.folder)).make('xz', 'device');
  const imported = await server.cli('image', 'import', card.path, '--name', image);
  expect([imported.code, imported.stderr]).toEqual([0, expect.anything()]);
  await house.simulate(...board);
  await client.devices.adopt({ params: { ref: 'dc:a6:32:fe:ed:17' }, body: { name: 'sign-17' } });
  browser = await startBrowser();
  page = await browser.open();
  await logIn(page, house.server.url, house.server.key);
}, 1_800_000);
afterAll(async () => {
  await browser?.close();
  await house?.close();
  line?.close();
  await rm(folder, { recursive: true, force: true });
});

const region = (name: string, of: Page = page) => of.getByRole('region', { name, exact: true });
const dialog = () => page.getByRole('dialog');
const button = (name: string) => page.getByRole('button', { name, exact: true });
const open = async (tab: string, of: Page = page): Promise<void> => {
  await of.goto(`${house.server.url}/ui/devices/sign-17?tab=${tab}`);
  await of.getByRole('heading', { level: 1, name: 'sign-17' }).waitFor(patience);
};
const submit = async (name: string): Promise<void> => {
  await dialog().getByRole('button', { name, exact: true }).click();
  await dialog().waitFor({ state: 'detached', ...patience });
};

describe('the parts of the page', () => {
  it('are tabs for a keyboard, and each has its address', async () => {
    await open('boot');
    const tab = (name: string) => page.getByRole('tab', { name, exact: true });
    await tab('Boot').focus();
    await page.keyboard.press('ArrowRight');
    expect(await tab('Disks').and(page.locator(':focus')).count()).toBe(1);
    expect(await tab('Disks').getAttribute('aria-selected')).toBe('false');
    await page.keyboard.press('Space');
    await region('System disk').waitFor(patience);
    expect(new URL(page.url()).searchParams.get('tab')).toBe('disks');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await region('Serial console').waitFor(patience);
    await page.reload();
    await region('Serial console').waitFor(patience);
    expect(await tab('Console').getAttribute('aria-selected')).toBe('true');
    expect(await page.getByRole('tabpanel', { name: 'Console' }).count()).toBe(1);
  });
});

describeDisks({ page: () => page, house: () => house, open, region, dialog, button, submit });

describe('power', () => {
  it('is by hand until an admin says what switches it', async () => {
    await open('power');
    await region('Power').getByText('Only hands can switch it').waitFor(patience);
    await region('Last switches').getByText('Nothing was switched yet.').waitFor(patience);
    await button('Say what switches it').click();
    await dialog().getByLabel('Driver').selectOption('bench');
    await dialog().getByLabel('Other values').fill('port');
    await dialog().getByText('Write it like').waitFor(patience);
    expect(await dialog().getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
    await dialog().getByLabel('Other values').fill('piId=sign17');
    await submit('Save');
    await region('Power').getByText('sign17').waitFor(patience);
    await region('Power').getByText('Not known').waitFor(patience);
  });

  it('is switched, after a question where somebody works with the board', async () => {
    await button('Switch on').click();
    await region('Power').getByText('Starting').waitFor(patience);
    await region('Last switches').getByText('on · bench').waitFor(patience);
    await button('Switch off').click();
    await dialog().getByText('They lose power at once').waitFor(patience);
    await dialog().getByRole('button', { name: 'Switch off sign-17' }).click();
    await dialog().getByText('1 of 1 done').waitFor(patience);
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await region('Power').getByText('It has no power.').waitFor(patience);
    await button('Ask the driver').click();
    await region('Power').getByText('The driver says: off').waitFor(patience);
    await expectAccessible(page, 'power of a board');
    await takePicture(page, 'device-power');
  });

  it('is not set over somebody else', async () => {
    await button('Change').click();
    await dialog().getByLabel('Other values').fill('piId=mine');
    await house.server.client.devices.update({
      params: { ref: 'sign-17' },
      body: { power: { driver: 'bench', values: { piId: 'theirs' } } },
    });
    await dialog().getByText('Somebody else has changed this meanwhile.').waitFor(patience);
    expect(await dialog().getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
    await expectAccessible(page, 'a form over a change of somebody else');
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    expect((await house.server.client.devices.get({ params: { ref: 'sign-17' } })).power?.values).toEqual({
      piId: 'theirs',
    });
  });

  it('that cannot be switched says why', async () => {
    await writeFile(join(folder, 'broken'), '');
    await button('Switch on').click();
    await region('Power').getByRole('alert').getByText('the relay is stuck').first().waitFor(patience);
    await region('Last switches').getByText('Power could not be switched').waitFor(patience);
    await expectAccessible(page, 'power that failed');
    await rm(join(folder, 'broken'));
    await region('Power')
      .getByRole('button', { name: /^Again/ })
      .click();
    await region('Power').getByText('Starting').waitFor(patience);
  });
});

describe('the boot config', () => {
  it('shows where each value is from', async () => {
    const { client } = house.server;
    const config = { screen: { rotate: 0, blank: 600 } };
    await client.bootLayers.put({
      params: { layer: 'default' },
      body: { document: { config, usercode: 'ZWNobyBoaQo=' } },
    });
    await client.devices.update({ params: { ref: 'sign-17' }, body: { labels: { rack: 'a' } } });
    const rack = { config: { screen: { rotate: 90 } } };
    await client.bootLayers.put({ params: { layer: 'group:rack=a' }, body: { document: rack } });
    await open('config');
    const row = (path: string) => region('Boot config').getByRole('row', { name: new RegExp(path) });
    await row('screen.rotate').getByText('Boards with rack=a').waitFor(patience);
    await row('screen.blank').getByText('All boards').waitFor(patience);
    await row('usercode').getByText('echo hi').waitFor(patience);
    await region('Its own values').getByText('Nothing yet').waitFor(patience);
  });

  it('is changed for this board, with the script as it is written', async () => {
    await button('Say something').click();
    await dialog().getByLabel('Everything else, as JSON').fill('{ "config": ');
    await dialog().getByText('It is not JSON').waitFor(patience);
    await dialog().getByLabel('Everything else, as JSON').fill('{ "config": { "screen": { "rotate": 270 } } }');
    await dialog().getByLabel('Script once its root is up').fill('#!/bin/sh\necho “sign 17”\n');
    await dialog().getByLabel('Why').fill('hangs upside down');
    await expectAccessible(page, 'a boot config that is changed');
    await takePicture(page, 'device-config-edit');
    await submit('Save');
    await region('Boot config')
      .getByRole('row', { name: /screen.rotate/ })
      .getByText('This board')
      .waitFor(patience);
    await region('Its own values').getByText('hangs upside down').waitFor(patience);
    const layer = await house.server.client.bootLayers.get({ params: { layer: 'device:sign-17' } });
    expect(Buffer.from(layer.document?.usercode ?? '', 'base64').toString()).toBe('#!/bin/sh\necho “sign 17”\n');
  });

  it('is not changed over somebody else', async () => {
    await button('Change').click();
    await dialog().getByLabel('Everything else, as JSON').fill('{ "config": { "screen": { "rotate": 1 } } }');
    const document = { config: { screen: { rotate: 180 } } };
    await house.server.client.bootLayers.put({ params: { layer: 'device:sign-17' }, body: { document } });
    // The page behind the form knows of it already.
    await page.locator('[aria-label="Versions, newest first"]').getByText('Version 2').waitFor(patience);
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().getByRole('alert').waitFor(patience);
    await dialog().getByRole('button', { name: 'Close' }).last().click();
    await region('Boot config')
      .getByRole('row', { name: /screen.rotate/ })
      .getByText('180')
      .waitFor(patience);
  });

  it('has versions that are compared and come back', async () => {
    const versions = page.getByRole('list', { name: 'Versions, newest first' });
    await versions.getByRole('button', { name: 'Changes of version 2' }).click();
    await dialog().getByText('config.screen.rotate').waitFor(patience);
    await dialog().getByText('echo “sign 17”').waitFor(patience);
    await expectAccessible(page, 'what a version changed');
    await dialog().getByRole('button', { name: 'Close' }).click();
    await versions.getByRole('button', { name: 'Go back to version 1' }).click();
    await submit('Go back to version 1');
    await versions.getByText('Version 3').waitFor(patience);
    await region('Boot config')
      .getByRole('row', { name: /screen.rotate/ })
      .getByText('270')
      .waitFor(patience);
    await expectAccessible(page, 'the boot config of a board');
    await takePicture(page, 'device-config');
  });

  it('is taken away, and what is below counts again', async () => {
    await button('Take away').click();
    await submit('Take its values away');
    await region('Boot config')
      .getByRole('row', { name: /screen.rotate/ })
      .getByText('Boards with rack=a')
      .waitFor(patience);
    await region('Its own values').getByText('It says nothing.').waitFor(patience);
  });
});

describe('the console', () => {
  it('says how to get one where there is none', async () => {
    await open('console');
    await region('Serial console').getByText('Nobody has said where its serial console is').waitFor(patience);
    await region('Logs of the boot').waitFor(patience);
    await expectAccessible(page, 'a board without a console');
    line = await openSerialLine();
    const { port } = line;
    await button('Say where it is').click();
    await dialog().getByLabel('Host').fill('localhost');
    await dialog().getByLabel('Port').fill(String(port));
    await submit('Save');
  });

  it('is live, and each key goes to the board', async () => {
    const screen = region('Console of sign-17');
    await screen.getByText('sign-17 login:').waitFor(patience);
    expect(await screen.innerText()).not.toContain('[1;32m');
    await screen.focus();
    await page.keyboard.type('root');
    await page.keyboard.press('Enter');
    await until('the keys are there', () => line.typed() === 'root\r');
    await screen.getByText('sign-17 login: root').waitFor(patience);
    await page.keyboard.press('Control+c');
    await until('an interrupt is there', () => line.typed() === 'root\r\u0003');
  });

  it('is left by Tab, and typed on by lines', async () => {
    await region('Console of sign-17').focus();
    await page.keyboard.press('Tab');
    const field = page.getByLabel('Type a line');
    expect(await field.and(page.locator(':focus')).count()).toBe(1);
    await page.keyboard.type('uname -a');
    await page.keyboard.press('Enter');
    await until('the line is there', () => line.typed().endsWith('\u0003uname -a\r'));
    await button('Send Tab').click();
    await until('a tab is there', () => line.typed().endsWith('\t'));
    await expectAccessible(page, 'a console');
    await takePicture(page, 'device-console');
  });

  it('goes on when it was lost, with what was there', async () => {
    line.drop();
    await region('Console of sign-17')
      .getByText(/drover: /)
      .first()
      .waitFor(patience);
    await region('Console of sign-17').getByText('sign-17 login: root').waitFor(patience);
  });

  it('shows what kernel and initramfs wrote during a boot that failed', async () => {
    const failed = await house.simulate(...board, '--fault', 'fail-at=mount');
    expect(failed.code).toBe(4);
    await region('Lines of the boot').waitFor({ timeout: 120_000 });
    expect((await region('Lines of the boot').innerText()).trim()).not.toBe('');
  });
});

it('shows a reader what is there, and nothing that would be refused', async () => {
  const { key } = await house.server.client.keys.create({ body: { name: 'guest', role: 'reader' } });
  const guest = await browser.open();
  await logIn(guest, house.server.url, key);
  await open('disks', guest);
  await region('Data disks', guest).getByRole('heading', { name: 'scratch' }).waitFor(patience);
  expect(await guest.getByRole('tabpanel').getByRole('button').count()).toBe(0);
  await open('power', guest);
  await region('Last switches', guest).getByText('Power switched').first().waitFor(patience);
  expect(await region('Power', guest).getByRole('button').count()).toBe(0);
  await open('config', guest);
  await region('Boot config', guest)
    .getByRole('row', { name: /screen.rotate/ })
    .waitFor(patience);
  expect(await guest.getByRole('button', { name: 'Change', exact: true }).count()).toBe(0);
  await open('console', guest);
  await guest.getByText('so it is for operators').waitFor(patience);
  expect(await region('Console of sign-17', guest).count()).toBe(0);
});

it('is fit for a phone', async () => {
  const phone = await browser.open({ width: 360, height: 740 });
  await logIn(phone, house.server.url, house.server.key);
  for (const tab of ['boot', 'disks', 'power', 'config', 'console']) {
    await open(tab, phone);
    await phone.waitForTimeout(700);
    const wide = await phone.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect([tab, wide]).toEqual([tab, false]);
    await takePicture(phone, `phone-device-${tab}`);
  }
});

it('broke nothing on the way', () => {
  expect(browser.faults).toEqual([]);
});
