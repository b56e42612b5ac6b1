import { answer, type Answer, type Carry } from './dispatch.js';
import { CpiFailure } from './failure.js';
import { createLog } from './log.js';
import { plainMethods } from './methods/plain.js';
import type { ServerMethod } from './schemas.js';
import type { Clock, Files } from './session.js';

/** The names alone: what carries them out is read when one is asked for. */
const serverMethods: readonly ServerMethod[] = [
  'create_stemcell',
  'delete_stemcell',
  'create_vm',
  'delete_vm',
  'has_vm',
  'reboot_vm',
  'set_vm_metadata',
  'calculate_vm_cloud_properties',
  'create_disk',
  'delete_disk',
  'has_disk',
  'attach_disk',
  'detach_disk',
  'get_disks',
  'resize_disk',
  'update_disk',
  'set_disk_metadata',
  'snapshot_disk',
  'delete_snapshot',
];

/** What a call needs of the system it runs on. */
export interface Surroundings {
  readonly files: Files & { readonly text: (path: string) => Promise<string> };
  readonly clock: Clock;
  /** Standard error. */
  readonly tell: (text: string) => void;
  readonly fetch?: typeof globalThis.fetch;
}

/** `--config FILE`; `-configPath` is what other CPIs call it. */
const configPath = (argv: readonly string[]): string | undefined => {
  const at = argv.findIndex((each) => ['--config', '-configPath', '--configPath'].includes(each));
  return at === -1 ? undefined : argv[at + 1];
};

const readConfig = async (
  files: Surroundings['files'],
  path: string | undefined,
): Promise<Record<string, unknown> | undefined> => {
  if (path === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(await files.text(path));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    // What is in the file is secret: a message of the parser may quote it.
    const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
    throw new CpiFailure('CpiError', `The settings ${path} cannot be read: ${reason}.`, { cause: error });
  }
  throw new CpiFailure('CpiError', `The settings ${path} are not a JSON object.`);
};

/** Answers one request, the text of which came over standard input. */
export const main = async (argv: readonly string[], text: string, surroundings: Surroundings): Promise<Answer> => {
  const { files, clock } = surroundings;
  const onServer =
    (method: ServerMethod): Carry =>
    async (request, log) => {
      const [{ carryOut }, file] = await Promise.all([
        import('./server-methods.js'),
        readConfig(files, configPath(argv)),
      ]);
      return carryOut(method, request, log, { ...surroundings, file });
    };
  return answer(text, {
    log: createLog(surroundings.tell),
    methods: { ...plainMethods, ...Object.fromEntries(serverMethods.map((method) => [method, onServer(method)])) },
    explain: async (error) => (await import('./explain.js')).explain(error),
    now: clock.now,
  });
};
