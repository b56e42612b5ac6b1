import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { parseDeb822 } from '@drover/documents';

/** One package source of sources.list(5). */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Keyring file; undefined for apt's own. */
  readonly signedBy: string | undefined;
}

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');

export function parseSourcesFile(text: string): AptSource[] {
  return parseDeb822(text)
    .filter((fields) => words(fields.get('types')).includes('deb') && fields.get('enabled')?.toLowerCase() !== 'no')
    .flatMap((fields) =>
      words(fields.get('uris')).flatMap((uri) =>
        words(fields.get('suites')).map((suite) => ({
          uri,
          suite,
          components: words(fields.get('components')),
          // A key may stand in the file itself instead of a path; then the file is of no use to another apt directory.
          signedBy: fields.get('signed-by')?.trim().startsWith('/') ? fields.get('signed-by')?.trim() : undefined,
        })),
      ),
    );
}

/** One-line style: `deb [options] uri suite component...`. */
export function parseSourcesList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    if (match === null) continue;
    const [, options = '', uri = '', suite = '', components] = match;
    sources.push({ uri, suite, components: words(components), signedBy: /signed-by=(\/\S+)/.exec(options)?.[1] });
  }
  return sources;
}

export const aptSourceLine = ({ uri, suite, signedBy }: AptSource, ...components: readonly string[]): string =>
  `deb ${signedBy === undefined ? '' : `[signed-by=${signedBy}] `}${uri} ${suite} ${components.join(' ')}`.trimEnd();

const readOrEmpty = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

const noSources = (why: string) =>
  new RefusedError(
    refusal('tool.missing', `The programs of the initramfs cannot be fetched: ${why}.`, {
      remedy:
        'Run Drover once on a Debian machine with network, and copy the folder of the setting helpers.cacheDir from there. Filled by hand, it needs for each architecture: a static busybox; perl with strict.pm, warnings.pm, and its libraries ld.so, libc.so.6, libm.so.6, libcrypt.so.1.',
    }),
  );

/**
 * Where this machine gets Debian itself from: the release, its updates, its security updates. Read from apt's own files each
 * time, so that a mirror is named in one place only. Throws RefusedError('tool.missing') on what is not Debian.
 */
export async function debianSources(root = '/'): Promise<AptSource[]> {
  const release = await readOrEmpty(join(root, 'etc/os-release'));
  const codename = /^VERSION_CODENAME="?([\w-]+)"?$/m.exec(release)?.[1];
  if (!/^ID="?debian"?$/m.test(release) || codename === undefined) throw noSources('this machine does not run Debian');
  const folder = join(root, 'etc/apt/sources.list.d');
  const names = (await readdir(folder).catch((): string[] => [])).sort();
  const all = parseSourcesList(await readOrEmpty(join(root, 'etc/apt/sources.list')));
  for (const name of names) {
    const text = await readOrEmpty(join(folder, name));
    if (name.endsWith('.list')) all.push(...parseSourcesList(text));
    if (name.endsWith('.sources')) all.push(...parseSourcesFile(text));
  }
  const ofDebian = all.filter(
    ({ suite, components }) =>
      (suite === codename || suite.startsWith(`${codename}-`)) &&
      !suite.endsWith('-backports') &&
      components.includes('main'),
  );
  if (ofDebian.length === 0) throw noSources(`apt on this machine has no source of Debian ${codename} main`);
  return ofDebian;
}
