import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCardPress, type CardFile } from '../../../server/test/system/crash/card.js';
import { logIn, startBrowser, type TestBrowser } from './browser.js';
import { openHouse, type House } from './house.js';

// An upload whose page is closed in the middle of it.

const MiB = 2 ** 20;

/** A line to the server that breaks after so many bytes of the browser's, until it is mended. */
interface Line {
  readonly url: string;
  breakAfter(bytes: number): void;
  mend(): void;
  close(): Promise<void>;
}

const openLine = async (target: string): Promise<Line> => {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let left = Infinity;
  const server: Server = createServer((browser) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [browser, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        for (const each of [browser, upstream]) each.destroy();
      });
    }
    browser.on('data', (chunk) => {
      left -= chunk.length;
      if (left > 0) return;
      for (const each of sockets) each.destroy();
    });
    browser.pipe(upstream).pipe(browser);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    breakAfter: (bytes) => {
      left = bytes;
    },
    mend: () => {
      left = Infinity;
    },
    close: async () => {
      for (const each of sockets) each.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

let house: House;
let line: Line;
let card: CardFile;
let browser: TestBrowser;
let page: Page;
beforeAll(async () => {
  house = await openHouse();
  line = await openLine(house.server.url);
  card = await (await createCardPress(house.folder)).make('xz', 'half-way');
  browser = await startBrowser();
  page = await browser.open();
  // "Leave this page?"
  page.on('dialog', (dialog) => void dialog.accept());
  await logIn(page, line.url, house.server.key);
}, 300_000);
afterAll(async () => {
  await browser?.close();
  await line?.close();
  await house?.close();
});

const choose = async (version: string): Promise<void> => {
  await page.goto(`${line.url}/ui/images`);
  await page.getByLabel('Image file').setInputFiles(card.path);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Version').fill(version);
  await dialog.getByRole('button', { name: 'Import' }).click();
};

/** The line breaks in the second piece of 8 MiB, and the page is closed. */
const breakOff = async (version: string): Promise<void> => {
  line.breakAfter(12 * MiB);
  await choose(version);
  await page.getByText('The upload goes on where it stands as soon as it is back').waitFor({ timeout: 60_000 });
  await page.goto('about:blank');
  line.mend();
};

/** Where the pieces began that are sent until an image is there. */
const importAgain = async (version: string): Promise<number[]> => {
  const offsets: number[] = [];
  const onRequest = (request: { method(): string; url(): string }): void => {
    if (request.method() === 'PATCH') offsets.push(Number(new URL(request.url()).searchParams.get('offset')));
  };
  page.on('request', onRequest);
  await choose(version);
  const images = page.getByRole('list', { name: 'Images', exact: true }).getByRole('listitem');
  await images
    .filter({ hasText: `:${version}` })
    .getByText('Ready')
    .waitFor({ timeout: 120_000 });
  page.off('request', onRequest);
  return offsets;
};

it('goes on where it was when the file is chosen again', async () => {
  expect(card.size).toBeGreaterThan(13 * MiB);
  await breakOff('1');
  // The server keeps what it has of a piece, too.
  expect((await importAgain('2'))[0]).toBeGreaterThanOrEqual(8 * MiB);
  const { items } = await house.server.client.images.list({});
  expect(items.map(({ version, state }) => [version, state])).toEqual([['2', 'ready']]);
});

it('begins anew when the server has thrown it away', async () => {
  await breakOff('3');
  const [note] = await (async () => {
    await page.goto(`${line.url}/ui/jobs`);
    return page.evaluate<[string, string][]>("JSON.parse(localStorage.getItem('drover.uploads'))");
  })();
  await house.server.client.uploads.delete({ params: { id: note?.[1] ?? '' } });
  expect((await importAgain('4'))[0]).toBe(0);
});
