import { readFile, type FileHandle } from 'node:fs/promises';

/** Bytes of `file` that its readers, in whatever process, have consumed: they share one file offset. */
export async function consumed(file: FileHandle): Promise<number> {
  const info = await readFile(`/proc/self/fdinfo/${file.fd}`, 'utf8').catch(() => '');
  return Number(/^pos:\s*(\d+)/m.exec(info)?.[1] ?? 0);
}

/** Tells twice a second how far the readers of `file` came, until the returned function is called. */
export function tellConsumed(file: FileHandle, tell: (done: number) => void): () => void {
  const timer = setInterval(() => void consumed(file).then(tell), 500);
  return () => clearInterval(timer);
}
