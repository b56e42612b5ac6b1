import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What one way of updating costs. */
export interface Cost {
  /** What a board fetches. */
  readonly bytes: number;
  /** Seconds of the server, once for an update. */
  readonly make: number;
  /** Seconds of the board, with what it fetches from the same machine. */
  readonly apply: number;
}

const port = 18_099;

export function seconds(work: () => void): number {
  const began = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

const run = (program: string, args: readonly string[], cwd: string): void => {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 2 ** 26 });
};

/** nginx on a folder, as zsync asks for many ranges at once; its log says what was sent. */
async function withServer<T>(folder: string, work: () => T): Promise<{ value: T; sent: number }> {
  const log = join(folder, 'access.log');
  const config = join(folder, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/tmp;`);
  writeFileSync(
    config,
    `daemon off; pid ${folder}/nginx.pid; error_log stderr; user root; events {}
http { ${paths.join(' ')} log_format sent '$bytes_sent'; access_log ${log} sent; server { listen 127.0.0.1:${port}; root ${folder}; max_ranges 1000; } }`,
  );
  const nginx = spawn('nginx', ['-p', folder, '-c', config], { stdio: 'ignore' });
  try {
    await sleep(1000);
    const value = work();
    return {
      value,
      sent: readFileSync(log, 'utf8')
        .split('\n')
        .reduce((sum, line) => sum + Number(line), 0),
    };
  } finally {
    nginx.kill();
    await once(nginx, 'exit');
  }
}

/** zsync: the board compares what it has with checksums of blocks, and asks for ranges. */
export async function zsyncCost(folder: string, old: string, next: string): Promise<Cost> {
  const url = `http://127.0.0.1:${port}`;
  const make = seconds(() => run('zsyncmake', ['-u', `${url}/${next}`, '-o', 'new.zsync', next], folder));
  const fetch = (): number => seconds(() => run('zsync', ['-i', old, '-o', 'zsynced', `${url}/new.zsync`], folder));
  const { value: apply, sent } = await withServer(folder, fetch);
  run('cmp', [next, 'zsynced'], folder);
  return { bytes: sent, make, apply };
}

const filesIn = (folder: string): Map<string, number> =>
  new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.cacnk'))
      .map((name) => [name, statSync(join(folder, name)).size]),
  );

/** casync: chunks by content, packed, each a file; the board fetches those it has not, and the index. */
export function casyncCost(folder: string, old: string, next: string): Cost {
  const store = join(folder, 'chunks');
  rmSync(store, { recursive: true, force: true });
  mkdirSync(store);
  run('casync', ['make', `--store=${store}`, 'old.caibx', old], folder);
  const before = filesIn(store);
  const make = seconds(() => run('casync', ['make', `--store=${store}`, 'new.caibx', next], folder));
  const apply = seconds(() =>
    run('casync', ['extract', `--store=${store}`, `--seed=${old}`, 'new.caibx', 'casynced'], folder),
  );
  run('cmp', [next, 'casynced'], folder);
  const added = [...filesIn(store)].filter(([name]) => !before.has(name));
  return {
    bytes: added.reduce((sum, [, size]) => sum + size, statSync(join(folder, 'new.caibx')).size),
    make,
    apply,
  };
}
