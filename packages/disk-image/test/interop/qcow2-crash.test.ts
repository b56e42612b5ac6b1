import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCrashLoop } from '../support/qcow2/crash-loop.js';
import type { CrashWorld } from '../support/qcow2/crash-world.js';
import { announceRuns, isSoak, loopTimeout, seed } from '../support/runs.js';
import { run, useWorkFolder } from '../support/tools.js';

const inFolder = useWorkFolder();

/** Overlays that are judged in one go: starting a program from a test takes longer than it runs. */
const atOnce = 50;

/** Prints what `qemu-img check` says of each overlay alone on a line of its own. */
const checkAll = `for path; do
  qemu-img check --output=json "json:{\\"driver\\":\\"qcow2\\",\\"backing\\":null,\\"file\\":{\\"driver\\":\\"file\\",\\"filename\\":\\"$path\\"}}" | tr -d '\\n'
  echo
done`;

/** Every crash is judged in the soak, one of so many in the gate. */
const judgedEach = isSoak ? 1 : 4;

interface Verdict {
  readonly corruptions?: number;
  readonly leaks?: number;
  readonly 'check-errors': number;
}

interface Exhibit {
  readonly path: string;
  /** When the overlay looked like that. */
  readonly label: string;
  readonly mayLeak: boolean;
}

/** Has qemu-img judge overlays. Damage always fails the test. */
class Judge {
  checks = 0;
  leaking = 0;
  private waiting: Exhibit[] = [];

  add(overlay: Uint8Array, label: string, mayLeak: boolean): void {
    const path = inFolder(`${this.waiting.length}.qcow2`);
    writeFileSync(path, overlay);
    this.waiting.push({ path, label, mayLeak });
    if (this.waiting.length >= atOnce) this.judge();
  }

  judge(): void {
    const exhibits = this.waiting.splice(0);
    const paths = exhibits.map(({ path }) => path);
    const lines = run('sh', ['-c', checkAll, 'sh', ...paths])
      .toString()
      .trim()
      .split('\n');
    exhibits.forEach(({ path, label, mayLeak }, each) => {
      const said = JSON.parse(lines[each] ?? '') as Verdict;
      const { corruptions = 0, leaks = 0, 'check-errors': errors } = said;
      expect({ corruptions, errors }, label).toEqual({ corruptions: 0, errors: 0 });
      if (!mayLeak) expect(leaks, label).toBe(0);
      if (leaks > 0) this.leaking += 1;
      rmSync(path);
    });
    this.checks += exhibits.length;
  }
}

describe('a qcow2 disk whose process is killed or whose power is cut', () => {
  it(
    'passes qemu-img check as it was left, as it was opened again, and as it was closed',
    { timeout: 5 * loopTimeout },
    async () => {
      const moments = announceRuns('qcow2 crash judged by qemu-img', 500);
      const judge = new Judge();
      const judged = new Set<number>();
      const add = async (world: CrashWorld, moment: number, label: string, mayLeak: boolean): Promise<void> => {
        if (moment % judgedEach !== 0) return;
        judged.add(moment);
        for (const overlay of await world.overlays()) judge.add(overlay, `crash ${moment}, ${label}`, mayLeak);
      };
      const result = await runCrashLoop({
        // Other disks than those of the unit test.
        seed: seed + 1,
        moments,
        afterCrash: (world, moment) => add(world, moment, 'as it was left', true),
        // What the redo log has freed waits for the next flush.
        afterRepair: (world, moment) => add(world, moment, 'opened again', true),
        afterClose: (world, moment) => add(world, moment, 'closed', false),
      });
      judge.judge();
      expect(result.moments).toBeGreaterThanOrEqual(moments);
      expect(judged.size).toBe(Math.floor(moments / judgedEach));
      expect(judge.checks).toBeGreaterThan(judged.size);
      // A judge who never finds what a checkpoint that was interrupted leaves behind does not look.
      expect(judge.leaking).toBeGreaterThan(0);
      const facts = { ...result, judged: judged.size, checks: judge.checks, leaking: judge.leaking };
      console.log(
        `loop qcow2 crash judged by qemu-img: ${result.moments} crashes, 0 failures ${JSON.stringify(facts)}`,
      );
    },
  );
});
