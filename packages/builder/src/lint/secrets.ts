/** What a line of text gives away, and to whom it belongs. */
export interface Secret {
  readonly check: 'wifi-secret' | 'api-key';
  /** A noun with its article. */
  readonly what: string;
}

interface Pattern extends Secret {
  readonly pattern: RegExp;
}

const anywhere: readonly Pattern[] = [
  { check: 'api-key', what: 'a private key', pattern: /-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----/ },
  { check: 'api-key', what: 'a key of Drover', pattern: /(?<![A-Za-z0-9_-])drv_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/ },
  {
    check: 'api-key',
    what: 'an access key of AWS',
    pattern: /\baws_secret_access_key\s*[=:]\s*['"]?[A-Za-z0-9/+]{40}\b/i,
  },
  { check: 'api-key', what: 'a token of GitHub', pattern: /\b(ghp|gho|ghs|github_pat)_[A-Za-z0-9_]{36,}\b/ },
  { check: 'api-key', what: 'the key of a WireGuard tunnel', pattern: /^\s*PrivateKey\s*=\s*[A-Za-z0-9+/]{43}=\s*$/m },
];

/** wpa_supplicant.conf(5), nm-settings-keyfile(5), netplan(5) and iwd.network(5); each only where such files lie. */
const wireless: readonly { readonly places: RegExp; readonly pattern: RegExp }[] = [
  { places: /wpa_supplicant[^/]*\.conf$/, pattern: /^\s*(psk|wep_key\d|password)\s*=\s*\S/m },
  { places: /NetworkManager\/system-connections\/[^/]+$/, pattern: /^\s*(psk|wep-key\d|password)\s*=\s*\S/m },
  { places: /netplan\/[^/]+\.ya?ml$/, pattern: /^\s*password:\s*\S/m },
  { places: /network-config$/, pattern: /^\s*password:\s*\S/m },
  { places: /\biwd\/[^/]+\.(psk|8021x)$/, pattern: /^\s*(Passphrase|PreSharedKey|EAP-Password)\s*=\s*\S/m },
];

/** Secrets in a text file, each kind once. */
export const secretsIn = (path: string, text: string): Secret[] => [
  ...anywhere.filter(({ pattern }) => pattern.test(text)).map(({ check, what }) => ({ check, what })),
  ...wireless
    .filter(({ places, pattern }) => places.test(path) && pattern.test(text))
    .map(() => ({ check: 'wifi-secret' as const, what: 'the password of a wireless network' })),
];
