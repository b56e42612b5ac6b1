import { settingKeys, type SettingKey } from './describe.js';
import { plain } from './show.js';

const intro = `# Settings

<!-- Made from packages/server/src/config/schema.ts: change it there, then run \`npm run generate\`. -->

Drover runs without a settings file. \`drover serve\` reads \`/etc/drover/drover.yaml\` when it is there, or the file named by \`--config\`. Every key is
optional, an unknown key is refused with its line, and \`drover settings\` shows what is in force and where each value came from.

An environment variable is stronger than the file and the command line is stronger than both. The variable's name is \`DROVER_\` and the key in capitals, a word
break as \`_\`: \`boot.dhcp.pool.leaseSeconds\` is \`DROVER_BOOT_DHCP_POOL_LEASE_SECONDS\`. Lists are separated by commas (\`DROVER_HTTP_LISTEN=127.0.0.1:8080,[::1]:8080\`);
a list of maps, or a map of them, is written as YAML.

Sizes are bytes, or carry a unit: \`500MB\` is a power of 1000, \`8GiB\` and \`8G\` are powers of 1024. Times are whole numbers whose unit is in the key's name.

\`kill -HUP\` of the server restarts its control plane with the settings read anew; boards do not notice. \`kill -USR2\` restarts the boot plane.

\`\`\`yaml
# /etc/drover/drover.yaml
site: workshop
http:
  listen: ['0.0.0.0:8080']
boot:
  interfaces: [eth0]
  autoAdopt: true
\`\`\`
`;

const cell = (text: string): string => text.replaceAll('|', '\\|');

const fallbackText = ({ fallback, path }: SettingKey): string => {
  if (fallback === undefined) return path.startsWith('boot.dhcp.pool.') ? 'with the pool' : 'unset';
  const value = plain(fallback);
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
};

const table = (keys: readonly SettingKey[]): string =>
  [
    '| key | value | default | meaning |',
    '| --- | --- | --- | --- |',
    ...keys.map(
      (key) => `| \`${key.path}\` | ${cell(key.type)} | ${cell(fallbackText(key))} | ${cell(key.description)} |`,
    ),
  ].join('\n');

/** docs/reference/settings.md, before prettier lays out its tables. */
export const settingsPage = (): string => {
  const sections = new Map<string, SettingKey[]>();
  for (const key of settingKeys) {
    const steps = key.path.split('.');
    const section = steps.length === 1 ? 'General' : steps.slice(0, steps[0] === 'boot' ? -1 : 1).join('.');
    sections.set(section, [...(sections.get(section) ?? []), key]);
  }
  const parts = [...sections].map(([title, keys]) => `## ${title}\n\n${table(keys)}\n`);
  return [intro, ...parts].join('\n');
};
