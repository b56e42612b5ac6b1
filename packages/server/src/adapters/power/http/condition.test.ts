import { expect, it } from 'vitest';
import { holds } from './condition.js';

const running = { contains: ['status', ':', 'running'] };
const cases = [
  [{ text: 'ok' }, 'ok', true],
  [{ text: 'ok' }, 'ok\n', false],
  [{ contains: '"ON"' }, '{"POWER":"ON"}', true],
  [running, '{"status" : "running"}', true],
  [running, '{"status": "stopped"}', false],
  [running, 'running: status', false],
  [running, '"status":\n"running"', false],
  [{ json: 'output', is: true }, '{"output":true}', true],
  [{ json: 'output', is: true }, '{"output":"true"}', false],
  [{ json: 'relays[1].ison', is: false }, '{"relays":[{},{"ison":false}]}', true],
  [{ json: 'was_on' }, '{"was_on":false}', true],
  [{ json: 'was_on' }, '{}', false],
  [{ json: 'constructor' }, '{}', false],
  [{ json: 'a' }, 'no JSON', false],
] as const;

it.each(cases)('%j of %j: %s', (condition, body, expected) => {
  expect(holds(condition, body)).toBe(expected);
});
