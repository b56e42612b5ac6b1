import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/app/ports.js';
import type { NotedEnd } from '../../src/app/boot/plane/files.js';
import { openTftpRules } from '../../src/boot-plane/tftp-rules.js';
import { wireTftp } from '../../src/boot-plane/tftp.js';
import { SettingsSchema } from '../../src/config/schema.js';
import { clients, fetchWith, startTftp, type TftpLab } from './tftp-lab.js';

export interface RulesLab extends TftpLab {
  /** Paths that reached the lookup of boards. */
  readonly lookedUp: string[];
  readonly notes: { readonly path: string; readonly end: NotedEnd }[];
  readonly logged: { readonly fields: object; readonly message: string }[];
  /** What curl got, or `TFTP error: message`. */
  get(path: string): Promise<string>;
}

/** A TFTP server on loopback with rules as a settings file has them, and no board known. */
export async function startRules(
  rules: readonly Record<string, unknown>[],
  more: { dataDir?: string; mostHeld?: number } = {},
): Promise<RulesLab> {
  const folder = more.dataDir ?? (await mkdtemp(join(tmpdir(), 'drover-rules-')));
  const lookedUp: string[] = [];
  const notes: { path: string; end: NotedEnd }[] = [];
  const logged: { fields: object; message: string }[] = [];
  const say = (fields: object, message: string): void => void logged.push({ fields, message });
  const log: Log = { debug: () => undefined, info: say, warn: say, error: say, child: () => log };
  const wired = wireTftp({
    files: {
      open: async ({ path }) => {
        lookedUp.push(path);
        return { kind: 'absent' };
      },
    },
    rules: await openTftpRules({
      rules: (await SettingsSchema.parseAsync({ boot: { tftp: { rules } } })).boot.tftp.rules,
      ...{ dataDir: folder, log, ...(more.mostHeld === undefined ? {} : { mostHeld: more.mostHeld }) },
      note: ({ path }, end) => void notes.push({ path, end }),
    }),
    onEnd: () => undefined,
  });
  const events: TftpLab['events'] = [];
  const lab = await startTftp(
    new Map(),
    {},
    {
      open: (request) => wired.open(request),
      onTransfer: (event) => {
        events.push(event);
        wired.onTransfer(event);
      },
    },
  );
  const { port } = lab;
  return {
    ...lab,
    ...{ events, lookedUp, notes, logged },
    get: async (path) => {
      // curl takes its name out of an address.
      const { bytes } = await fetchWith(clients['curl']!, port, path.split('/').map(encodeURIComponent).join('/'));
      if (bytes !== undefined && bytes.length > 0) return Buffer.from(bytes).toString('latin1');
      const event = events.findLast((each) => each.path === path);
      return event?.outcome.kind === 'rejected' ? `${event.outcome.code}: ${event.outcome.message}` : 'nothing';
    },
    stop: async () => {
      await lab.stop();
      if (more.dataDir === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface WebServer {
  readonly url: string;
  stop(): void;
}

export async function webServer(answer: RequestListener): Promise<WebServer> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A shell script in a folder, to be run as a program. */
export async function script(folder: string, name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

/** One that has ended may stay listed until its parent asks how (proc(5), state Z): that of an orphan is init, which takes its time. */
export const isRunning = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
};
