import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AuthorizedKey,
  FirstBootUser,
  HostName,
  Keymap,
  Locale,
  PasswordHash,
  TimeZone,
  UserName,
} from '@drover/contract';
import { createFirstBootLab, everything, sshKey, withShadow, type FirstBootLab } from './first-boot-lab.js';

let lab: FirstBootLab;
afterEach(() => lab.dispose());

describe('lines that no server of ours sends', () => {
  const digest = `digest=${'0'.repeat(64)}`;
  it.each([
    ['user=../../etc', 'user'],
    ['user=a:0:0', 'user'],
    ['user=', 'user'],
    ['user=$(touch /tmp/x)', 'user'],
    ['timezone=../../../etc/shadow', 'timezone'],
    ['timezone=/etc/passwd', 'timezone'],
    ['hostname=a b', 'hostname'],
    ['hostname=../a', 'hostname'],
    ['user=a\npassword=$6$a:0', 'password'],
    ['user=a\npassword=plain', 'password'],
    ['user=a\nshell=/bin/../tmp/x', 'shell'],
    ['user=a\nshell=/bin/sh:x', 'shell'],
    ['user=a\ngroup=sudo,root', 'group'],
    ['user=a\nkey=ssh-ed25519 AAAA\x1b[2J', 'key'],
    ['user=a\nsudo=ALL', 'sudo'],
    ['keymap=us"\nXKBMODEL="x', 'keymap'],
    ['locale=C; id', 'locale'],
    ['ssh-password=maybe', 'ssh-password'],
    ['nonsense', 'nonsense'],
    ['\x1b]0;x=1', '????x'],
  ])('are refused as a whole: %j', async (lines, key) => {
    lab = await withShadow(await createFirstBootLab());
    await lab.boot();
    const before = everything(lab);
    expect(await lab.boot(`${digest}\ntimezone=Europe/Zurich\n${lines}\n`)).toContain(
      `first-boot settings refused: ${key}`,
    );
    expect(everything(lab)).toBe(before);
  });

  it('are refused without a digest', async () => {
    lab = await createFirstBootLab();
    expect(await lab.boot('timezone=Europe/Zurich\n')).toContain('refused: digest');
  });
});

describe('what the contract takes', () => {
  /** Values that a form takes, whatever else they are like. */
  const fitting = (schema: { safeParse: (value: unknown) => { success: boolean } }, alphabet: string, most: number) =>
    fc
      .string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: most })
      .filter((value) => schema.safeParse(value).success);
  const word = 'aB9_-./+@,=$: ';
  const forms = {
    hostname: fitting(HostName, word, 12),
    timezone: fitting(TimeZone, word, 12),
    locale: fitting(Locale, 'aeU_CH.-@8', 10),
    keymap: fitting(Keymap, word, 8),
    user: fitting(UserName, word, 8),
    password: fc
      .string({ unit: fc.constantFrom(...word), minLength: 8, maxLength: 30 })
      .map((text) => `$6$${text}`)
      .filter((text) => PasswordHash.safeParse(text).success),
    shell: fitting(FirstBootUser.shape.shell, '/ab._-+', 10),
    key: fc
      .string({ unit: 'binary', maxLength: 30 })
      .map((text) => `${sshKey('me')} ${text}`)
      .filter((text) => AuthorizedKey.safeParse(text).success),
  };

  it('the board takes too: one of them is not refused there', async () => {
    lab = await createFirstBootLab();
    const samples = Object.entries(forms).flatMap(([name, values]) =>
      fc.sample(values, { numRuns: 100, seed: 7 }).map((value) => `${name}=${value}`),
    );
    const script = `while IFS= read -r line; do first_boot_is "\${line%%=*}" "\${line#*=}" || printf '%s\\n' "$line"; done <"$run/samples"`;
    await writeFile(join(lab.board.run, 'samples'), samples.map((line) => `${line}\n`).join(''));
    const { stdout, stderr } = await lab.board.sh(script, ['base', 'first-boot']);
    expect([stdout, stderr]).toEqual(['', '']);
  });
});
