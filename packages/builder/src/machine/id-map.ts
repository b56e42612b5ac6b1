import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { refusal, RefusedError } from '@drover/contract';
import type { Tools } from '@drover/tools';

/** One range of subuid(5). */
export interface IdRange {
  readonly start: number;
  readonly count: number;
}

/** The largest range a user has been given, by name or by number. */
export const rangeOf = (text: string, user: { readonly name: string; readonly id: number }): IdRange | undefined =>
  text
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([owner]) => owner === user.name || owner === String(user.id))
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }))
    .filter(({ start, count }) => Number.isSafeInteger(start) && Number.isSafeInteger(count) && count > 0)
    .sort((a, b) => b.count - a.count)[0];

/** A Debian system has users up to 65534 (Policy 9.2). */
const leastIds = 65_536;

const noRange = (file: string, name: string): RefusedError =>
  new RefusedError(
    refusal('tool.failed', `${file} gives ${name} no ${leastIds} ids for the users of an image.`, {
      remedy: `Run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`,
    }),
  );

/** Root has all ids. Anyone else is root inside, and has a range of /etc/subuid for everyone else (user_namespaces(7)). */
export async function mapIds(pid: number, tools: Tools): Promise<void> {
  const user = userInfo();
  for (const kind of ['uid', 'gid'] as const) {
    if (user.uid === 0) {
      await writeFile(`/proc/${pid}/${kind}_map`, '0 0 4294967295');
      continue;
    }
    const file = `/etc/sub${kind}`;
    const text = await readFile(file, 'utf8').catch(() => '');
    const range = rangeOf(text, { name: user.username, id: user.uid });
    if (range === undefined || range.count < leastIds - 1) throw noRange(file, user.username);
    const own = ['0', String(user[kind]), '1'];
    await tools.run(`new${kind}map`, [String(pid), ...own, '1', String(range.start), String(range.count)]);
  }
}
