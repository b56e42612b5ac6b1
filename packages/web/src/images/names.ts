/** Endings of the files of images. */
const endings = /(\.(img|iso|raw|xz|gz|zst|zip|tar))+$/i;

/** A name and a version from the name of a file: `2026-10-01-raspios-lite.img.xz` is `raspios-lite` `2026-10-01`. */
export const nameFrom = (file: string): { readonly name: string; readonly version: string } => {
  const base = file.split(/[?#]/, 1)[0]?.split(/[/\\]/).at(-1) ?? file;
  const stem = base.replace(endings, '').toLowerCase();
  const [, date, rest = ''] = /^(?:(\d{4}-\d{2}-\d{2})-)?(.*)$/.exec(stem) ?? [];
  const name = rest
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  return { name: name === '' ? 'image' : name, version: date ?? '1' };
};

/** The next version that is free: `1`, `2`, or `2026-10-01-2`. */
export const freeVersion = (wanted: string, taken: ReadonlySet<string>): string => {
  if (!taken.has(wanted)) return wanted;
  const isNumber = /^\d{1,6}$/.test(wanted);
  for (let count = 2; ; count += 1) {
    const version = isNumber ? String(Number(wanted) + count - 1) : `${wanted}-${count}`;
    if (!taken.has(version)) return version;
  }
};
