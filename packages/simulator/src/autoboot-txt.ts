/** autoboot.txt: which partition is booted (vendor page on autoboot.txt; wire reference, section 8). */
import { configLines, numberSetting, readConfig, type ConfigContext } from './config-txt.js';

/** What is behind these bytes is not read. */
export const autobootLimit = 512;

export interface Autoboot {
  /** 0 or undefined: the first partition that can be booted. */
  readonly partition: number | undefined;
  /** With the flag tryboot the partition is another one, and config.txt is read there as always. */
  readonly trybootAB: boolean;
}

/** Of the filters these are known here; any other hides what follows it, as an unknown one does in config.txt [I]. */
const knownFilters = ['[all]', '[none]', '[tryboot]'];

const withKnownFilters = (line: string): string =>
  line.startsWith('[') && !knownFilters.includes(line.toLowerCase()) ? '[none]' : line;

export const readAutoboot = (bytes: Buffer, context: Pick<ConfigContext, 'identity' | 'tryboot'>): Autoboot => {
  const lines = configLines(bytes.subarray(0, autobootLimit)).map(withKnownFilters);
  const { entries } = readConfig(Buffer.from(lines.join('\n')), { ...context, followsIncludes: false });
  return {
    partition: numberSetting(entries, 'boot_partition'),
    trybootAB: numberSetting(entries, 'tryboot_a_b') === 1,
  };
};
