/**
 * bench/SOAK.md: what each kind of tests and each loop did when it was last run at full count. A soak may be run in parts, so each line says when.
 * `rows`: kinds of tests that were run as a whole. `counts`: lines such as `loop kill-9: 500 moments, 0 failures`. `run`: date, commit, seed.
 * `files`: those that were run; what `failures` were known of them are forgotten.
 */
export function soakPage(previous, { rows, counts, run, files, failures }) {
  const kinds = table(previous, 'tests');
  const loops = table(previous, 'loop');
  for (const { name, passed, failed, seconds } of rows)
    kinds.set(name, [name, String(passed), String(failed), seconds.toFixed(0), run]);
  for (const line of counts) {
    const at = line.indexOf(': ');
    const result = line.slice(at + 2).replace(/[,;]? \(?(DROVER_TEST_SEED=|seed )\d+\)?/, '');
    loops.set(line.slice(0, at), [line.slice(0, at), result.replaceAll('|', '\\|'), run]);
  }
  const failed = table(previous, 'failed');
  for (const [key, [file]] of failed)
    if (files.includes(file) || rows.some(({ name }) => name === file)) failed.delete(key);
  for (const { file, why } of failures) failed.set(`${file} ${why}`, [file, why.replaceAll('|', '\\|'), run]);
  return [
    '# Soak',
    '',
    'Made by `./test --soak`, whole or in parts (`--only=interop`, `--match=qcow2-crash`): each line says when it was last run.',
    '',
    ...written(['tests', 'passed', 'failed', 'seconds', 'run'], kinds),
    '',
    ...written(['loop', 'result', 'run'], loops),
    '',
    ...(failed.size === 0 ? ['Nothing that failed waits for another run.'] : written(['failed', 'why', 'run'], failed)),
    '',
  ].join('\n');
}

/** Rows of the table whose first column is called so, by their first cell. */
function table(page, title) {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${title} `));
  const rows = new Map();
  if (start < 0) return rows;
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('| ')) break;
    const cells = line
      .slice(2, -2)
      .split(/(?<!\\) \| /)
      .map((cell) => cell.trim());
    rows.set(title === 'failed' ? `${cells[0]} ${cells[1]}` : cells[0], cells);
  }
  return rows;
}

function written(titles, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...[...rows.values()].map(line)];
}
