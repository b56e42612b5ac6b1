import type { Check, Finding, Observation } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { countChecks, seenText, serverIn, worstFirst } from './model.js';

const at = '2026-11-30T12:00:00.000Z';
const by = 'the server';
const finding = (fault: string, severity: Finding['severity']): Finding => ({
  ...{ fault, severity, message: fault, remedy: 'Mend it.', evidence: [] },
});

it('says first what keeps boards from booting', () => {
  const all = [finding('a', 'warning'), finding('b', 'error'), finding('c', 'warning'), finding('d', 'error')];
  expect(worstFirst(all).map(({ fault }) => fault)).toEqual(['b', 'd', 'a', 'c']);
});

it('tells what could not be looked for from what was', () => {
  const check = (name: string, reason: string | null): Check => ({
    ...{ name, title: name, reason, outcome: reason === null ? 'done' : 'skipped' },
  });
  const { done, skipped } = countChecks([check('a', null), check('b', 'it has told nothing')]);
  expect([done.map(({ name }) => name), skipped.map(({ reason }) => reason)]).toEqual([['a'], ['it has told nothing']]);
});

describe('what the server saw', () => {
  it('is said in words', () => {
    const rival = { kind: 'server.rival' as const, at, by, server: '10.0.0.1', bootOptions: [66, 67] };
    expect(seenText({ ...rival, tftpServer: '10.0.0.9', bootFile: null })).toBe(
      '10.0.0.1 answered a board too, with options 66, 67, naming 10.0.0.9',
    );
    expect(seenText({ ...rival, tftpServer: null, bootFile: null })).toMatch(/67$/);
    expect(seenText({ kind: 'server.file', at, by, image: 'a:1', path: 'kernel8.img', bytes: 40_000_000 })).toContain(
      '40.0 MB',
    );
  });

  it('leaves to others what it is itself, and what only a machine on the network sees', () => {
    const host: Observation = { kind: 'host', at, by, addresses: [] };
    expect(seenText(host)).toBeUndefined();
    expect(serverIn([host])).toBeUndefined();
  });
});
