import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { expect } from 'vitest';

const program = '/usr/bin/chromium';
/** Pictures of the documentation are taken only when somebody wants them, so that a test changes nothing in the tree. */
const pictures = process.env['DROVER_PICTURES'];
const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const picturesFolder = fileURLToPath(new URL('../../../../docs/pictures/', import.meta.url));

export interface TestBrowser {
  /** A page of a fresh browser, with nothing stored. What goes wrong in it fails the test: see `faults`. */
  open(options?: {
    readonly width?: number;
    readonly height?: number;
    readonly dark?: boolean;
    /** Takes a certificate of an authority it does not know. */
    readonly anyCertificate?: boolean;
  }): Promise<Page>;
  /** What pages wrote to their consoles as errors, and what they threw. */
  readonly faults: string[];
  close(): Promise<void>;
}

/** What a page writes of refusals that the test asks for. */
const expected = /status of (401|403|404|409|412|429)/;

export const startBrowser = async (): Promise<TestBrowser> => {
  if (!existsSync(program)) throw new Error(`There is no ${program}: run scripts/install-packages test`);
  const browser: Browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu'] });
  const contexts: BrowserContext[] = [];
  const faults: string[] = [];
  return {
    faults,
    open: async ({ width = 1360, height = 860, dark = false, anyCertificate = false } = {}) => {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: dark ? 'dark' : 'light',
        reducedMotion: 'reduce',
        ignoreHTTPSErrors: anyCertificate,
      });
      contexts.push(context);
      const page = await context.newPage();
      page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() === 'error' && !expected.test(message.text()))
          faults.push(`${page.url()}: ${message.text()}`);
      });
      return page;
    },
    close: async () => {
      for (const context of contexts) await context.close();
      await browser.close();
    },
  };
};

export const logIn = async (page: Page, url: string, key: string): Promise<void> => {
  await page.goto(`${url}/ui/`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#main').waitFor();
};

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** The page's policy lets no script in but its own; what the debugger runs is not the page's. */
const judge = async (page: Page): Promise<Violation[]> => {
  await page.evaluate(await readFile(axeFile, 'utf8'));
  const run = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`;
  const { violations } = await page.evaluate<{ violations: Violation[] }>(run);
  return violations;
};

/** No serious violation of WCAG AA, in light and in dark. */
export const expectAccessible = async (page: Page, what: string): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(250);
    const serious = (await judge(page)).filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const said = serious.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)}  ${node.failureSummary ?? ''}`),
    }));
    expect(said, `${what} in ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
};

/** Those that pages of the documentation show. */
const documented: ReadonlySet<string> = new Set([
  'first-steps',
  'board-up',
  'board-failed',
  'fleet-selected',
  'device-disks',
  'device-console',
  'doctor',
  'images',
  'provision',
  'provision-options',
]);

/**
 * With `DROVER_PICTURES=1` the pictures of the documentation, `docs/pictures/<name>.png`; with the path of a folder every picture there is, in light and in dark,
 * to be looked at.
 */
export const takePicture = async (page: Page, name: string): Promise<void> => {
  if (pictures === undefined || (pictures === '1' && !documented.has(name))) return;
  const folder = pictures === '1' ? picturesFolder : pictures;
  await mkdir(folder, { recursive: true });
  for (const colorScheme of pictures === '1' ? (['light'] as const) : (['light', 'dark'] as const)) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(150);
    await page.screenshot({ path: join(folder, `${name}${colorScheme === 'dark' ? '-dark' : ''}.png`) });
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
};
