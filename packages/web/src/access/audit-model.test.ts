import type { AuditEntry } from '@drover/contract';
import { expect, it } from 'vitest';
import { filterAudit, operationText } from './audit-model.js';

const entry = (change: Partial<AuditEntry>): AuditEntry => ({
  ...{ seq: 1, at: '2026-11-30T10:00:00.000Z', key: null, keyName: 'ann', tenant: null, operation: 'releaseDevice' },
  ...{ subject: null, outcome: 'ok', address: '192.0.2.1', requestId: 'req' },
  ...change,
});

it('says what an operation does in words', () => {
  expect(operationText('revokeKey')).toBe('Revoke an API key at once');
  expect(operationText('somethingElse')).toBe('somethingElse');
});

it('finds entries by anything that is shown of them', () => {
  const [a, b] = [entry({ keyName: 'Ann' }), entry({ keyName: 'bob', outcome: 'auth.forbidden', subject: 'pi-7' })];
  expect(filterAudit([a, b], {})).toEqual([a, b]);
  expect(filterAudit([a, b], { q: 'ann' })).toEqual([a]);
  expect(filterAudit([a, b], { q: 'PI-7' })).toEqual([b]);
  expect(filterAudit([a, b], { refused: true })).toEqual([b]);
  expect(filterAudit([a, b], { q: 'ann', refused: true })).toEqual([]);
});
