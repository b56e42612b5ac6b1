import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { it } from 'vitest';
import { presharedKey } from '../../src/settings/wifi.js';

const printable = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength,
    maxLength,
  });

it('makes the key of a network that wpa_passphrase makes', () => {
  fc.assert(
    fc.property(printable(1, 32), printable(8, 63), (ssid, password) => {
      // What begins with a hyphen would be an option there.
      fc.pre(!ssid.startsWith('-') && !password.startsWith('-'));
      const text = execFileSync('wpa_passphrase', [ssid, password]).toString();
      return text.includes(`\tpsk=${presharedKey(ssid, password)}\n`);
    }),
    { numRuns: 40 },
  );
});
