import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** One package source as apt's one-line format has it, e.g. `deb [signed-by=/usr/share/keyrings/x.gpg] URI bookworm main`. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Path of the keyring, or undefined for apt's default ones. */
  readonly signedBy: string | undefined;
}

interface Stanza {
  readonly [field: string]: string;
}

/** deb822: stanzas divided by blank lines, `Field: value`, continuation lines indented, `#` comments. */
function parseStanzas(text: string): Stanza[] {
  return text
    .replace(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .map((block) =>
      Object.fromEntries(
        [...block.matchAll(/^([A-Za-z-]+):[ \t]*((?:.*)(?:\n[ \t].*)*)/gm)].map((m) => [
          (m[1] ?? '').toLowerCase(),
          (m[2] ?? '').trim(),
        ]),
      ),
    );
}

const words = (value: string | undefined): string[] => (value ?? '').split(/\s+/).filter((word) => word !== '');

function fromDeb822(text: string): AptSource[] {
  return parseStanzas(text)
    .filter((stanza) => words(stanza['types']).includes('deb') && stanza['enabled'] !== 'no')
    .flatMap((stanza) =>
      words(stanza['uris']).flatMap((uri) =>
        words(stanza['suites']).map((suite) => ({
          uri,
          suite,
          components: words(stanza['components']),
          signedBy: stanza['signed-by'],
        })),
      ),
    );
}

function fromOneLine(text: string): AptSource[] {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/gm)].map((m) => ({
    uri: m[2] ?? '',
    suite: m[3] ?? '',
    components: words(m[4]?.replace(/#.*/, '')),
    signedBy: /signed-by=(\S+)/.exec(m[1] ?? '')?.[1],
  }));
}

async function readIfThere(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

/** The machine's release, as apt names its suites, e.g. `bookworm`. */
export async function debianCodename(): Promise<string> {
  const release = await readIfThere('/etc/os-release');
  const name = /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1];
  if (!/^ID=debian$/m.test(release) || name === undefined) {
    throw new Error(
      'the lab builds its inputs from Debian packages and needs a Debian machine (/etc/os-release says otherwise)',
    );
  }
  return name;
}

/**
 * Where this machine gets Debian itself from (the release, its updates, its security updates), read from apt's own
 * files. Sources of others (other suites, no `main`) are left out.
 */
export async function debianSources(aptDir = '/etc/apt'): Promise<AptSource[]> {
  const codename = await debianCodename();
  const partsDir = path.join(aptDir, 'sources.list.d');
  const parts = await readdir(partsDir).catch(() => []);
  const texts = (ext: string): Promise<string[]> =>
    Promise.all(parts.filter((name) => name.endsWith(ext)).map((name) => readIfThere(path.join(partsDir, name))));
  const all = [
    ...fromOneLine(await readIfThere(path.join(aptDir, 'sources.list'))),
    ...(await texts('.list')).flatMap(fromOneLine),
    ...(await texts('.sources')).flatMap(fromDeb822),
  ];
  const wanted = all.filter((source) => source.suite.startsWith(codename) && source.components.includes('main'));
  if (wanted.length === 0)
    throw new Error(`no source of Debian ${codename} main in ${aptDir}/sources.list(.d): add one`);
  return wanted;
}

/** The one-line form, with `components` in place of the source's own. */
export function aptSourceLine(source: AptSource, components: readonly string[]): string {
  const options = source.signedBy === undefined ? '' : `[signed-by=${source.signedBy}] `;
  return `deb ${options}${source.uri} ${source.suite} ${components.join(' ')}`;
}
