import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { announceMoments, loopTimeout, seed } from '../packages/server/test/interop/moments.js';
import type { JudgeSettings, Verdict } from './power/judge.js';
import { unseen } from './power/tools.js';

const moments = announceMoments('power cuts of a disk server', 25);
/** Of one recording. */
const mostMoments = 50;
const mib = 2 ** 20;

/** Records a drive, and cuts its power so many times. */
async function cut(count: number, from: number): Promise<Verdict[]> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-power-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const sizes = { driveSize: 192 * mib, diskSize: 24 * mib };
  const settings: JudgeSettings = { folder, seed: from, changes: 400, moments: count, ...sizes };
  unseen('record.ts', settings);
  const lines = unseen('judge.ts', settings).split('\n');
  await rm(folder, { recursive: true });
  return lines.map((line) => JSON.parse(line) as Verdict);
}

it(
  'a disk whose server loses its power keeps what was flushed: on a real file system, on a drive that loses, tears and reorders',
  { timeout: loopTimeout(moments) },
  async () => {
    const verdicts: Verdict[] = [];
    for (let round = 0; verdicts.length < moments; round++) {
      const count = Math.min(mostMoments, moments - verdicts.length);
      const found = await cut(count, seed + round);
      expect(found).toHaveLength(count);
      verdicts.push(...found);
      const lost = found.filter(({ wrong }) => wrong.length > 0);
      expect(lost.slice(0, 3), `seed ${seed + round}`).toEqual([]);
    }
    const rolledBack = verdicts.filter(({ recovery }) => recovery === 'rolled-back').length;
    const leaks = Math.max(...verdicts.map((each) => each.leaks));
    expect(rolledBack).toBeGreaterThan(0);
    console.log(
      `loop power cuts of a disk server: ${verdicts.length} moments, 0 failures; ${rolledBack} rolled back, at most ${leaks} leaks`,
    );
  },
);
