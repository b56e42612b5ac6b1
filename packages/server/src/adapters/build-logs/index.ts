import { appendFile, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildLogs, LogWriter } from '../../app/builds/ports.js';

/** A log is files of this size at most, each called by the place where it begins; the first two and the last two are kept: 16 MiB. */
const defaultPartSize = 4 * 1024 * 1024;
const keptAtEachEnd = 2;
/** Bytes that one read gives at most. */
const readSize = 64 * 1024;

interface Part {
  readonly start: number;
  readonly size: number;
}

const nameOf = (start: number): string => `${String(start).padStart(15, '0')}.log`;
const isBuild = (name: string): boolean => /^bld_[0-9A-Z]{26}$/.test(name);

const notThere =
  <T>(instead: T) =>
  (fault: NodeJS.ErrnoException): T => {
    if (fault.code !== 'ENOENT') throw fault;
    return instead;
  };

async function partsOf(folder: string): Promise<Part[]> {
  const names = await readdir(folder).catch(notThere<string[]>([]));
  const parts: Part[] = [];
  for (const name of names.filter((each) => /^\d{15}\.log$/.test(each)).sort()) {
    const found = await stat(join(folder, name)).catch(notThere(undefined));
    if (found !== undefined) parts.push({ start: Number(name.slice(0, 15)), size: found.size });
  }
  return parts;
}

const endOf = (parts: readonly Part[]): number => {
  const last = parts.at(-1);
  return last === undefined ? 0 : last.start + last.size;
};

async function readPart(folder: string, { start, size }: Part, offset: number): Promise<Uint8Array> {
  const file = await open(join(folder, nameOf(start)), 'r');
  try {
    const bytes = new Uint8Array(Math.min(readSize, start + size - offset));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset - start);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const dropped = (bytes: number): Uint8Array => Buffer.from(`\n... ${bytes} bytes of this log were not kept ...\n`);

/** Writes one piece after the other; what comes meanwhile is the next piece. */
class Writer implements LogWriter {
  private pending: Buffer[] = [];
  private writing: Promise<void> | undefined;
  private fault: Error | undefined;

  private readonly folder: string;
  private readonly partSize: number;
  private part: Part;

  constructor(folder: string, partSize: number, part: Part) {
    this.folder = folder;
    this.partSize = partSize;
    this.part = part;
  }

  write(text: string): void {
    if (text === '') return;
    this.pending.push(Buffer.from(text, 'utf8'));
    this.writing ??= this.writeAll().finally(() => {
      this.writing = undefined;
    });
  }

  async close(): Promise<void> {
    await this.writing;
    if (this.fault !== undefined) throw this.fault;
  }

  private async writeAll(): Promise<void> {
    while (this.pending.length > 0) {
      const bytes = Buffer.concat(this.pending.splice(0));
      // A full disk ends the build by itself; until then its words are not worth more than it.
      await this.append(bytes).catch((fault: Error) => {
        this.fault = fault;
      });
    }
  }

  private async append(bytes: Buffer): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      if (this.part.size >= this.partSize) await this.beginPart();
      const now = rest.subarray(0, this.partSize - this.part.size);
      await appendFile(join(this.folder, nameOf(this.part.start)), now);
      this.part = { start: this.part.start, size: this.part.size + now.length };
      rest = rest.subarray(now.length);
    }
  }

  private async beginPart(): Promise<void> {
    this.part = { start: this.part.start + this.part.size, size: 0 };
    const parts = await partsOf(this.folder);
    // The new one is the last of those at the end.
    for (const { start } of parts.slice(keptAtEachEnd, Math.max(keptAtEachEnd, parts.length - keptAtEachEnd + 1)))
      await rm(join(this.folder, nameOf(start)), { force: true });
  }
}

/** Logs as files below one folder, a folder for each build. */
export function createBuildLogs(folder: string, partSize = defaultPartSize): BuildLogs {
  const folderOf = (build: string): string => {
    if (!isBuild(build)) throw new Error(`${build} is no build`);
    return join(folder, build);
  };
  return {
    append: async (build) => {
      const own = folderOf(build);
      await mkdir(own, { recursive: true, mode: 0o700 });
      return new Writer(own, partSize, (await partsOf(own)).at(-1) ?? { start: 0, size: 0 });
    },
    size: async (build) => endOf(await partsOf(folderOf(build))),
    read: async (build, offset) => {
      const parts = await partsOf(folderOf(build));
      const part = parts.find(({ start, size }) => offset < start + size);
      if (part === undefined) return { bytes: new Uint8Array(), next: offset };
      if (offset < part.start) return { bytes: dropped(part.start - offset), next: part.start };
      const bytes = await readPart(folderOf(build), part, offset).catch(notThere(new Uint8Array()));
      return { bytes, next: offset + bytes.length };
    },
    delete: (build) => rm(folderOf(build), { recursive: true, force: true }),
    list: async () => (await readdir(folder).catch(notThere<string[]>([]))).filter(isBuild),
  };
}
