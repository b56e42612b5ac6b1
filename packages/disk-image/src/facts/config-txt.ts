import type { PiModel } from './types.js';

/** Models each filter of config.txt stands for (Raspberry Pi documentation, config.txt, conditional filters). */
const modelFilters: Record<string, readonly PiModel[]> = {
  pi0: ['pi0', 'pi0w', 'pi02w'],
  pi0w: ['pi0w', 'pi02w'],
  pi02: ['pi02w'],
  pi1: ['pi1'],
  pi2: ['pi2'],
  pi3: ['pi3', 'pi3+'],
  'pi3+': ['pi3+'],
  pi4: ['pi4', 'pi400', 'cm4'],
  pi400: ['pi400'],
  cm4: ['cm4'],
  cm4s: [],
  pi5: ['pi5', 'pi500', 'cm5'],
  pi500: ['pi500'],
  cm5: ['cm5'],
  none: [],
};

/**
 * The settings that hold for a model, last one wins. What depends on a serial, a GPIO, a display or tryboot is
 * taken as not met. Names are in lower case; a value may be empty.
 */
export function settingsFor(text: string, model: PiModel): Map<string, string> {
  const settings = new Map<string, string>();
  let modelMatches = true;
  let otherMatches = true;
  for (const raw of text.split(/\r?\n/u)) {
    const line = raw.replace(/#.*$/u, '').trim();
    const filter = /^\[(.*)\]$/u.exec(line)?.[1]?.trim().toLowerCase();
    if (filter === 'all') {
      modelMatches = true;
      otherMatches = true;
    } else if (filter !== undefined) {
      const models = Object.hasOwn(modelFilters, filter) ? modelFilters[filter] : undefined;
      if (models === undefined) otherMatches = false;
      else modelMatches = models.includes(model);
    } else if (modelMatches && otherMatches) {
      const [, name, value] = /^([a-z0-9_]+)\s*=(.*)$/iu.exec(line) ?? [];
      if (name !== undefined && value !== undefined) settings.set(name.toLowerCase(), value.trim());
    }
  }
  return settings;
}

/** Files named by `include` lines, whatever the filters. */
export function includedFiles(text: string): string[] {
  return [...text.matchAll(/^\s*include\s+(\S+)\s*$/gmu)].map(([, file]) => file as string);
}
