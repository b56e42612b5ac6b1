import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compilePattern } from '../adapters/patterns/index.js';
import { planWork, readRule } from '../domain/tftp-rules.js';
import { SettingsSchema } from './schema.js';

const page = await readFile(new URL('../../../../docs/how-to/tftp-rules.md', import.meta.url), 'utf8');
const [, example = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];

/** What the example of the page makes of a path. */
const answered = async (path: string): Promise<unknown> => {
  const { rules } = (await SettingsSchema.parseAsync(parse(example))).boot.tftp;
  for (const rule of rules) {
    const compiled = compilePattern(rule.match);
    const found = compiled.ok ? compiled.pattern.find(path) : undefined;
    const read = compiled.ok ? readRule(rule, compiled.pattern.groups) : undefined;
    if (found === undefined || read?.ok !== true) continue;
    const planned = planWork(read.rule.target, found);
    return planned.ok ? planned.work : planned.reason;
  }
  return 'a board';
};

describe('the example of docs/how-to/tftp-rules.md', () => {
  it.each([
    ['phones/7.cfg', { kind: 'file', path: '/srv/phones/configs/7.xml', root: '/srv/phones' }],
    ['pxelinux.cfg/01-dc-a6-32-01-02-03', { kind: 'url', url: 'http://boot.example:8080/pxe?mac=dc-a6-32-01-02-03' }],
    ['switch-12.conf', { kind: 'program', program: '/usr/local/bin/make-switch-config', args: ['--number', '12'] }],
    ['motd', { kind: 'file', path: '/etc/motd', root: null }],
    ['phones/a/7.cfg', 'a board'],
    ['91cdf03d/config.txt', 'a board'],
  ])('makes of %s what it says', async (path, work) => {
    expect(await answered(path)).toEqual(work);
  });
});
