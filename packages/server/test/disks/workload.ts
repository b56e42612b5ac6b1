import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Change, DiskModel } from './model.js';

export interface WorkloadOptions {
  uri: string;
  seed: number;
  changes: number;
  /** Default 4. */
  connections?: number;
  /** The share of changes that are flushes or have FUA set. Default 0.16. */
  durable?: number;
  /** Bytes of a cluster of the disk. Default 64 KiB. */
  cluster?: number;
  /** Flush at the end. Default true. */
  flush?: boolean;
  /** Called with each line that the workload says. */
  onLine?: (line: string) => void;
  /** Called when so many changes were answered. */
  onAnswered?: (count: number) => void;
}

export interface WorkloadResult {
  /** Whether all changes were answered. */
  ended: boolean;
  answered: number;
  errors: string;
}

const script = fileURLToPath(new URL('workload.py', import.meta.url));
/** Debian's own Python has libnbd. */
const python = '/usr/bin/python3';

/** Changes a disk through libnbd, and has the model follow. */
export async function runWorkload(model: DiskModel, options: WorkloadOptions): Promise<WorkloadResult> {
  const { onAnswered, onLine, connections = 4, durable = 0.16, cluster = 65536, flush = true, ...rest } = options;
  const settings = { ...rest, connections, durable, cluster, flush, size: model.size, firstId: model.nextId };
  const child = spawn(python, [script, JSON.stringify(settings)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const result: WorkloadResult = { ended: false, answered: 0, errors: '' };
  child.stderr.on('data', (chunk: Buffer) => (result.errors += chunk.toString()));
  for await (const line of createInterface(child.stdout)) {
    onLine?.(line);
    const said = followLine(model, line);
    result.ended = said === 'end';
    if (said === 'done') onAnswered?.((result.answered += 1));
  }
  await closed;
  return result;
}

/**
 * Has the model do what a line of the workload tells; not `durable`: without believing that anything was made durable. Returns what kind of
 * line it is.
 */
export function followLine(model: DiskModel, line: string, durable = true): 'sent' | 'done' | 'end' {
  const [what, ...words] = line.split(' ');
  if (what === 'sent') model.sent(parseChange(words));
  else if (what === 'done') model.done(Number(words[0]), durable);
  else if (what !== 'end') throw new Error(`the workload said "${line}"`);
  return what;
}

const kinds = ['write', 'zero', 'trim', 'flush'] as const;

function parseChange([id, kind, offset, length, fua]: string[]): Change {
  const known = kinds.find((each) => each === kind);
  if (known === undefined) throw new Error(`the workload knows no ${kind}`);
  return { id: Number(id), kind: known, offset: Number(offset), length: Number(length), fua: fua === '1' };
}
