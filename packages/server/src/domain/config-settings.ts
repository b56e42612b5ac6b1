/** Keys of a boot config's free part that a board's own programs go by, as lines that a shell reads. See docs/how-to/self-updating-cards.md. */

type Json = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

const windowForm = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/;
/** What stays of a root: absolute, plain, and nowhere else than it says. */
const pathForm = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._@+-]+)+$/;
const leastEvery = 60;
const mostEvery = 7 * 86_400;

const autoupdate = ({ autoupdate: wanted }: Json): string[] =>
  typeof wanted === 'boolean' ? [`autoupdate=${wanted ? 'yes' : 'no'}`] : [];

const every = ({ every: seconds }: Json): string[] =>
  Number.isInteger(seconds) && (seconds as number) >= leastEvery && (seconds as number) <= mostEvery
    ? [`updateEvery=${String(seconds)}`]
    : [];

const window = ({ window: wanted }: Json): string[] =>
  typeof wanted === 'string' && windowForm.test(wanted) ? [`updateWindow=${wanted}`] : [];

const persist = ({ persist: paths }: Json): string[] => {
  const kept = (Array.isArray(paths) ? paths : []).filter(
    (path): path is string => typeof path === 'string' && pathForm.test(path),
  );
  return kept.length === 0 ? [] : [`persist=${kept.join(',')}`];
};

/** What is not of its form is left out: `settingFaults` names it to whoever writes it. */
export function settingsText(config: Json): string {
  const update = objectOf(config['update']);
  return [...autoupdate(config), ...every(update), ...window(update), ...persist(config)]
    .map((line) => `${line}\n`)
    .join('');
}

export interface SettingFault {
  readonly path: string;
  readonly message: string;
}

/** What a board would not understand of these keys. */
export function settingFaults(config: Json): SettingFault[] {
  const faults: SettingFault[] = [];
  const says = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
  const update = objectOf(config['update']);
  if (says(config['autoupdate']) && autoupdate(config).length === 0)
    faults.push({ path: 'autoupdate', message: 'is neither true nor false' });
  if (says(update['every']) && every(update).length === 0)
    faults.push({ path: 'update.every', message: `is no number of seconds from ${leastEvery} to ${mostEvery}` });
  if (says(update['window']) && window(update).length === 0)
    faults.push({ path: 'update.window', message: 'is not like 02:00-04:30' });
  const paths: readonly unknown[] = Array.isArray(config['persist']) ? config['persist'] : [];
  if (says(config['persist']) && !Array.isArray(config['persist']))
    faults.push({ path: 'persist', message: 'is not a list of paths' });
  paths.forEach((path, index) => {
    if (typeof path !== 'string' || !pathForm.test(path))
      faults.push({
        path: `persist[${index}]`,
        message: 'is not an absolute path of letters, digits and . _ @ + - without `..`',
      });
  });
  return faults;
}
