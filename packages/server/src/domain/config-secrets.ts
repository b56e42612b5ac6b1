import {
  parsePath,
  type BootConfigChange,
  type BootDocument,
  type EffectiveBootConfig,
  type JsonPath,
} from '@drover/contract';

/** Boot configs as they are shown to who may read and not change them: without passwords. Scripts are shown as they are. */

const hidden = '[hidden]';

/** What people call a secret, in any spelling. A key that is named public is none. */
const secretName =
  /pass(word|wd|phrase|code)|(^|[_-])pass$|psk|secret|token|credential|private[_-]?key|(^|[_-])key$|(^|[_-])pin$/i;
const secretCamel = /[a-z]Key$/;
const isSecretName = (name: string): boolean =>
  (secretName.test(name) || secretCamel.test(name)) && !/public/i.test(name);

/** Lines of wpa_supplicant.conf(5) that hold no secret, as long as their values are plain. All others are hidden, comments too: wpa_passphrase writes the password into one. */
const plainWpa = new Set([
  ...[
    'country',
    'update_config',
    'ap_scan',
    'fast_reauth',
    'p2p_disabled',
    'priority',
    'scan_ssid',
    'disabled',
    'mode',
  ],
  ...[
    'proto',
    'key_mgmt',
    'pairwise',
    'group',
    'ieee80211w',
    'bssid',
    'freq_list',
    'eap',
    'phase1',
    'phase2',
    'id_str',
  ],
]);
const wpaName = /^"[^"\\]*"$|^[0-9a-fA-F]+$/;

const wpaLine = (line: string): string => {
  if (/^\s*(network=\{|\})?\s*$/.test(line)) return line;
  const [, indent = '', name = '', value = ''] = /^(\s*)([a-z0-9_]+)=(.*?)\s*$/i.exec(line) ?? [];
  if (name === '') return hidden;
  const isPlain = name === 'ssid' ? wpaName.test(value) : plainWpa.has(name) && /^[\w .:+-]*$/.test(value);
  return isPlain ? line : `${indent}${name}=${hidden}`;
};

/** Base64 still, as the contract has it. */
const maskWpa = (encoded: string): string => {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const masked = text.split('\n').map(wpaLine).join('\n');
  return masked === text ? encoded : Buffer.from(masked).toString('base64');
};

/** Passwords, keys and tokens in addresses, and the key that may stand in those of images. */
const maskAddresses = (text: string): string =>
  text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi, `$1${hidden}@`)
    .replace(/([?&][^=&#\s]*(?:pass|secret|token|key|sig)[^=&#\s]*=)[^&#\s]*/gi, `$1${hidden}`)
    .replace(/(:\/\/[^/\s]+\/images\/)(?!(?:global|own)(?:\/|$))[^/\s]+(?=\/)/gi, `$1${hidden}`);

const hideAll = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(hideAll);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hideAll(each)]));
  return typeof value === 'string' || typeof value === 'number' ? hidden : value;
};

const scripts = ['bootcode', 'usercode'];

/** What stands at a place of a document. */
const mask = (path: JsonPath, value: unknown): unknown => {
  if (path[0] === 'config' && path.some((step) => typeof step === 'string' && isSecretName(step)))
    return hideAll(value);
  if (Array.isArray(value)) return value.map((each: unknown, index) => mask([...path, index], each));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mask([...path, name], each)]));
  if (typeof value !== 'string' || (path.length === 1 && scripts.includes(String(path[0])))) return value;
  return path.length === 2 && path[0] === 'config' && path[1] === 'wpa_supplicant'
    ? maskWpa(value)
    : maskAddresses(value);
};

export const maskDocument = (document: BootDocument): BootDocument => mask([], document) as BootDocument;

export const hasSecrets = (document: BootDocument): boolean =>
  JSON.stringify(maskDocument(document)) !== JSON.stringify(document);

const maskAt = (path: string, value: unknown): unknown => {
  const steps = parsePath(path);
  return steps === undefined ? hideAll(value) : mask(steps, value);
};

/** That something changed stays to be seen. */
export const maskChange = ({ before, after, ...change }: BootConfigChange): BootConfigChange => ({
  ...change,
  ...(before === undefined ? {} : { before: maskAt(change.path, before) }),
  ...(after === undefined ? {} : { after: maskAt(change.path, after) }),
});

export const maskEffective = ({ document, values, layers }: EffectiveBootConfig): EffectiveBootConfig => ({
  layers,
  document: maskDocument(document),
  values: values.map(({ path, value, layer }) => ({ path, value: maskAt(path, value), layer })),
});
