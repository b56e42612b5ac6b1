/** A firmware stage over files in memory, for tests of what is asked in which order. */
import { createClock } from '../../src/clock.js';
import { eepromRetry, type Stage } from '../../src/firmware-context.js';
import { createFirmwareFiles, type FileTransport } from '../../src/firmware-files.js';
import { createIdentity } from '../../src/identity.js';
import type { ModelName } from '../../src/models.js';
import { createRandom } from '../../src/random.js';
import { defaultQuirks, eepromWith } from '../../src/settings.js';
import type { BoardEvent, EepromSettings, Quirks } from '../../src/types.js';

export interface MemoryStage {
  readonly stage: Stage;
  /** `probe path` or `read path`, with ` -` behind those that are not there. */
  readonly asked: string[];
  readonly events: BoardEvent[];
}

export interface MemoryStageOptions {
  readonly model: ModelName;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly eeprom?: Partial<EepromSettings>;
  readonly quirks?: Partial<Quirks>;
  readonly tryboot?: boolean;
}

const legacySerial = '00000000abcdef01';
const laterSerial = '10000000abcdef01';

export const memoryStage = (options: MemoryStageOptions): MemoryStage => {
  const asked: string[] = [];
  const events: BoardEvent[] = [];
  const transport: FileTransport = {
    name: 'tftp',
    request: (path, sink) => {
      const content = options.files[path];
      asked.push(`${sink === undefined ? 'probe' : 'read'} ${path}${content === undefined ? ' -' : ''}`);
      if (content === undefined) return Promise.resolve({ outcome: 'not-found', size: 0, resent: 0 });
      sink?.write(Buffer.from(content));
      return Promise.resolve({ outcome: sink === undefined ? 'terminated' : 'ok', size: content.length, resent: 0 });
    },
  };
  const clock = createClock();
  const files = createFirmwareFiles({
    transport,
    content: 'memory',
    hashes: true,
    clock,
    record: () => undefined,
    silence: eepromRetry,
  });
  const legacy = ['2b', '3b', '3b+'].includes(options.model);
  const context = {
    identity: createIdentity({ model: options.model, serial: legacy ? legacySerial : laterSerial }),
    eeprom: eepromWith(options.eeprom),
    quirks: { ...defaultQuirks, ...options.quirks },
    clock,
    random: createRandom(1),
    tryboot: options.tryboot ?? false,
    emit: (event: BoardEvent): void => void events.push(event),
  };
  return { stage: { context, files, afterwards: eepromRetry }, asked, events };
};

/** Files below the serial number's prefix. */
export const belowPrefix = (files: Readonly<Record<string, string | Buffer>>): Record<string, string | Buffer> =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`abcdef01/${name}`, content]));
