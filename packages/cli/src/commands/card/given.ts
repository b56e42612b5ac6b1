import { readFile } from 'node:fs/promises';
import { requireGiven, type CardColumn, type CardRow, type Given, type Wifi } from '@drover/card';
import type { CardSettings } from '@drover/contract';
import { flagOption, textOption, UsageError, type Cli } from '../../command.js';
import { connect, serverUrl } from '../../connect.js';
import { hint } from '../../show.js';
import { askSecret, canAsk } from '../../terminal/ask.js';

type Cells = CardRow['cells'];

/** What one card shall hold. A key that is to be made for it is made last. */
export interface Wanted extends Given {
  readonly makeKey: boolean;
}

/** Options by the column that says the same for one card of a list. */
const optionNames: Readonly<Partial<Record<CardColumn, string>>> = {
  device: 'device',
  hostname: 'hostname',
  server: 'cardServer',
  'key-file': 'keyFile',
  address: 'address',
  gateway: 'gateway',
  dns: 'dns',
  vlan: 'vlan',
  'wifi-ssid': 'wifiSsid',
  'wifi-password-file': 'wifiPasswordFile',
  'wifi-country': 'wifiCountry',
};

const valueOf = (cli: Cli, cells: Cells, column: CardColumn): string | undefined =>
  cells[column] ?? textOption(cli.options, optionNames[column] ?? '');

/** The only line of a file, as a key or a password is kept in one. */
const readSecret = async (what: string, path: string): Promise<string> => {
  const text = await readFile(path, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    throw new UsageError(
      `--${what} ${path} cannot be read (${fault.code ?? fault.message})`,
      'Name a file with one line.',
    );
  });
  const line = text.replace(/\r?\n$/, '');
  if (line === '' || /[\r\n]/.test(line))
    throw new UsageError(`--${what} ${path} has not exactly one line`, 'Name a file that holds it and nothing else.');
  return line;
};

const asked = new Map<string, string>();

/** From the list, else from a file, else from whoever sits there, once for each network. */
const passwordOf = async (cli: Cli, cells: Cells, ssid: string): Promise<string> => {
  const given = cells['wifi-password'];
  if (given !== undefined) return given;
  const file = valueOf(cli, cells, 'wifi-password-file');
  if (file !== undefined) return readSecret('wifi-password-file', file);
  const known = asked.get(ssid);
  if (known !== undefined) return known;
  if (!canAsk())
    throw new UsageError(`The password of the network ${ssid} is missing`, 'Give --wifi-password-file FILE.');
  const password = await askSecret(cli, `Password of the network ${ssid}: `);
  asked.set(ssid, password);
  return password;
};

const wifiOf = async (cli: Cli, cells: Cells): Promise<Wifi | undefined> => {
  const ssid = valueOf(cli, cells, 'wifi-ssid');
  const country = valueOf(cli, cells, 'wifi-country');
  if (
    ssid === undefined &&
    cells['wifi-password'] === undefined &&
    valueOf(cli, cells, 'wifi-password-file') === undefined
  )
    return undefined;
  if (ssid === undefined) throw new UsageError('--wifi-ssid is missing', 'Name the network that the password is for.');
  if (country === undefined)
    throw new UsageError('--wifi-country is missing', 'Say where the board is, such as --wifi-country DE.');
  return { ssid, country, password: await passwordOf(cli, cells, ssid) };
};

const isLoopback = (url: string): boolean => /^(localhost|127\..*|\[::1\])$/.test(new URL(url).hostname);

/** Where the boot plane listens unless it is told another port (`boot.http.listen`). */
const bootPort = 8081;

/** An address alone is one for boards. */
const boardUrl = (text: string): string => (/^[\d.]+$/.test(text) ? `http://${text}:${bootPort}` : serverUrl(text));

/** Where the board asks, which is another port than the one the command line asks. That a board cannot reach this machine's loopback is told. */
const serverOf = (cli: Cli, cells: Cells): string | undefined => {
  const server = valueOf(cli, cells, 'server');
  if (server === undefined) return undefined;
  const url = boardUrl(server);
  if (
    url.startsWith('https:') &&
    (textOption(cli.options, 'ca') === undefined || !flagOption(cli.options, 'selfUpdating'))
  )
    throw new UsageError(
      `A card cannot ask ${url} without the authority of its certificate`,
      'Make a card that updates itself, and name the certificate of the authority: --self-updating --ca ca.pem',
    );
  if (!isLoopback(url)) return url;
  throw new UsageError(
    `A board cannot reach ${url}: that is this machine itself`,
    'Say where boards find the server: --card-server 192.0.2.1',
  );
};

/** How the board is in its wired network. */
const networkOf = (cli: Cli, cells: Cells): Pick<CardSettings, 'address' | 'gateway' | 'dns' | 'vlan'> => ({
  address: valueOf(cli, cells, 'address'),
  gateway: valueOf(cli, cells, 'gateway'),
  dns: valueOf(cli, cells, 'dns'),
  vlan: valueOf(cli, cells, 'vlan'),
});

/** What the options say of a card, and before them its line in a list. */
export const wantedOf = async (cli: Cli, cells: Cells = {}): Promise<Wanted> => {
  const file = valueOf(cli, cells, 'key-file');
  const makeKey = flagOption(cli.options, 'newKey');
  if (file !== undefined && makeKey)
    throw new UsageError('--key-file and --new-key exclude each other', 'Leave out one of the two.');
  const settings: CardSettings = {
    server: serverOf(cli, cells),
    key: file === undefined ? undefined : await readSecret('key-file', file),
    device: valueOf(cli, cells, 'device'),
    hostname: valueOf(cli, cells, 'hostname'),
    ...networkOf(cli, cells),
  };
  const wanted = { settings, wifi: await wifiOf(cli, cells), makeKey };
  requireGiven(wanted);
  return wanted;
};

/** Makes the card with the key it wants; one that was made for a card which then is none is revoked. */
export const withKey = async <T>(cli: Cli, wanted: Wanted, work: (given: Given) => Promise<T>): Promise<T> => {
  if (!wanted.makeKey) return work(wanted);
  const client = connect(cli);
  const { device, hostname } = wanted.settings;
  const options = { signal: cli.signal };
  const known = device === undefined ? undefined : await client.devices.get({ params: { ref: device } }, options);
  const body = {
    name: `card ${hostname ?? device ?? 'of no name'}`,
    role: 'device' as const,
    // A key of one tenant rather than of all, where it is known which.
    ...(known?.tenant == null ? {} : { tenant: known.tenant }),
  };
  const { id, key } = await client.keys.create({ body }, options);
  try {
    return await work({ ...wanted, settings: { ...wanted.settings, key } });
  } catch (error) {
    await client.keys
      .revoke({ params: { id } })
      .catch(() => hint(cli, `The key that was made for it is left: drover key revoke ${id}`));
    throw error;
  }
};
