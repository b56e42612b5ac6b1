import type { DomainEvent } from '@drover/contract';
import { expect, it } from 'vitest';
import { effectsOf } from './event-effects.js';

const event = (type: DomainEvent['type'], subject: string, data: DomainEvent['data'] = {}): DomainEvent => ({
  ...{ id: 1, type, at: '2026-11-30T12:00:00.000Z', tenant: null, subject, data },
});

it.each([
  ['device.up', 'dev_1', {}, ['dev_1'], ['devices']],
  ['session.started', 'bs_1', { device: 'dev_1' }, ['dev_1'], ['sessions']],
  ['job.created', 'job_1', { subject: 'dev_1' }, ['dev_1'], ['jobs']],
  ['job.progress', 'job_1', { subject: 'dev_1' }, [], []],
  ['device.conflict', 'dev_1', {}, ['dev_1'], ['devices', 'doctor']],
  ['job.ended', 'job_1', { subject: 'dsk_1', kind: 'disk.detach' }, [], ['jobs', 'disks']],
  ['image.ready', 'img_1', {}, [], ['images', 'jobs']],
  ['boot-config.changed', 'cfg_1', {}, [], ['boot-configs']],
  ['server.started', 'server', {}, [], []],
] as const)('%s of %s makes %j out of date', (type, subject, data, devices, queries) => {
  expect(effectsOf(event(type, subject, data))).toEqual({ devices, queries });
});
