import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../server/test/system/server.js';
import { expectAccessible, takePicture } from './browser.js';
import type { House } from './house.js';

const patience = { timeout: 60_000 };
export const image = 'raspios-lite:2026-11-22';

/** What the tests of one board share: its server, its page and how things are found there. */
export interface BoardPage {
  readonly page: () => Page;
  readonly house: () => House;
  readonly open: (tab: string) => Promise<void>;
  readonly region: (name: string) => Locator;
  readonly dialog: () => Locator;
  readonly button: (name: string) => Locator;
  /** Presses a button of the dialog, which closes. */
  readonly submit: (name: string) => Promise<void>;
}

/** Of a board that has nothing yet, whose image is {@link image}: it has root mode nbd after this. */
export const describeDisks = ({ page: pageOf, house, open, region, dialog, button, submit }: BoardPage): void => {
  describe('disks', () => {
    let page: Page;
    beforeAll(() => {
      page = pageOf();
    });

    it('are nothing for a board without an image, and the page says why', async () => {
      await open('disks');
      await region('System disk').getByText('It has no image, and so no system disk.').waitFor(patience);
      await region('Data disks').getByText('Give it an image first.').waitFor(patience);
      await button('New disk').click();
      await dialog().getByLabel('Name').fill('media');
      await dialog().getByLabel('Size, in GB').fill('nonsense');
      await dialog().getByText('Write a number of GB').waitFor(patience);
      expect(await dialog().getByRole('button', { name: 'Make it' }).isDisabled()).toBe(true);
      await dialog().getByLabel('Size, in GB').fill('0.5');
      await dialog().getByText('It is made, and attached to nothing.').waitFor(patience);
      await submit('Make it');
      await region('Other disks').getByRole('heading', { name: 'media' }).waitFor(patience);
      expect(await button('Attach media').count()).toBe(0);
    });

    it('are there with root mode nbd, and attached', async () => {
      const { client } = house().server;
      await client.devices.provision({ body: { image, device: 'sign-17', rootMode: 'nbd' } });
      await region('System disk').getByText('Ready').waitFor({ timeout: 180_000 });
      await button('Attach media').click();
      await expectAccessible(page, 'the question before a disk is attached');
      await submit('Attach it');
      await region('Data disks').getByRole('heading', { name: 'media' }).waitFor(patience);
      await region('Data disks').getByText('read-write').waitFor(patience);
    });

    it('are made and attached in one go', async () => {
      await button('New disk').click();
      await dialog().getByLabel('Name').fill('scratch');
      await submit('Make it');
      await region('Data disks').getByRole('heading', { name: 'scratch' }).waitFor(patience);
    });

    it('keep states, of which another disk is made', async () => {
      await button('Snapshot of media').click();
      await dialog().getByLabel('Name').fill('monday');
      await submit('Take it');
      await page.getByRole('list', { name: 'Snapshots of media' }).getByText('monday').waitFor(patience);
      await button('Restore monday').click();
      expect(await dialog().getByLabel('Name of the new disk').inputValue()).toBe('media-monday');
      await submit('Make a disk of it');
      await region('Data disks').getByRole('heading', { name: 'media-monday' }).waitFor(patience);
      await expectAccessible(page, 'disks of a board');
      await takePicture(page, 'device-disks');
      const { items } = await house().server.client.disks.list({ query: { role: 'data' } });
      const clone = items.find(({ name }) => name === 'media-monday');
      expect(clone?.attachments).toMatchObject([{ access: 'read-write', state: 'attached' }]);
    });

    it('are backed up, and another disk is made of a backup', async () => {
      const { client } = house().server;
      const card = page.getByRole('article', { name: 'Disk media', exact: true });
      await button('More for media').click();
      await page.getByRole('menuitem', { name: 'Back up' }).click();
      await expectAccessible(page, 'the question before a backup');
      await submit('Back it up');
      const backups = card.getByRole('list', { name: 'Backups of media' });
      const download = backups.getByRole('link', { name: /^Download the backup of media from / });
      await download.waitFor(patience);
      const [file] = await Promise.all([page.waitForEvent('download'), download.click()]);
      expect(file.suggestedFilename()).toMatch(/^media-\d{8}T\d{6}\.qcow2$/);
      const [made] = (await client.backups.list({ query: { limit: 10 } })).items;
      expect(
        createHash('sha256')
          .update(await readFile(await file.path()))
          .digest('hex'),
      ).toBe(made?.sha256);
      await backups.getByRole('button', { name: /^Restore the backup of media/ }).click();
      expect(await dialog().getByLabel('Name of the new disk').inputValue()).toBe('media-restored');
      await dialog().getByLabel('Attach it to sign-17').uncheck();
      await submit('Make a disk of it');
      await region('Other disks').getByRole('article', { name: 'Disk media-restored' }).waitFor(patience);
      await takePicture(page, 'device-backups');
      await backups.getByRole('button', { name: /^Delete the backup of media/ }).click();
      await submit('Delete the backup');
      await backups.waitFor({ state: 'detached', ...patience });
    });

    it('are checked for damage, and flattened', async () => {
      const card = page.getByRole('article', { name: 'Disk media', exact: true });
      await button('More for media').click();
      await page.getByRole('menuitem', { name: 'Check for damage' }).click();
      await card.getByText('The check found no errors.').waitFor(patience);
      await button('More for media').click();
      await page.getByRole('menuitem', { name: 'Flatten' }).click();
      // The last work on it is another one then.
      await card.getByText('The check found no errors.').waitFor({ state: 'detached', ...patience });
      const { client } = house().server;
      const flattened = async () => (await client.jobs.list({ query: { kind: 'disk.flatten' } })).items;
      await until('the disk is flattened', async () => (await flattened()).every(({ state }) => state === 'succeeded'));
      expect(await flattened()).toHaveLength(1);
    });

    it('are made larger, and never smaller', async () => {
      await button('More for scratch').click();
      await page.getByRole('menuitem', { name: 'Make it larger' }).click();
      await dialog().getByLabel('Size, in GB').fill('1');
      await dialog().getByText('Write a number of GB above 8.0.').waitFor(patience);
      await dialog().getByLabel('Size, in GB').fill('12');
      await submit('Make it larger');
      await page.getByRole('article', { name: 'Disk scratch' }).getByText('12.0 GB').waitFor(patience);
    });

    it('are detached, and deleted when nothing needs them any more', async () => {
      await button('Detach media').click();
      await dialog().getByText('What is on the disk stays in any case.').waitFor(patience);
      await submit('Detach it');
      const media = region('Other disks').getByRole('article', { name: 'Disk media', exact: true });
      await media.waitFor(patience);
      await media.getByRole('button', { name: 'More for media', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await dialog().getByRole('button', { name: 'Delete the disk' }).click();
      await dialog().getByRole('alert').waitFor(patience);
      await expectAccessible(page, 'a disk that is not deleted');
      await dialog().getByRole('button', { name: 'Close' }).last().click();
      await button('Delete the snapshot monday').click();
      await submit('Delete the snapshot');
      await page.getByRole('list', { name: 'Snapshots of media' }).waitFor({ state: 'detached', ...patience });
    });
  });
};
