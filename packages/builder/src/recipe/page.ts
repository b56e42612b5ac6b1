import * as z from 'zod';
import type { DocumentKey } from '@drover/documents';
import { lintChecks } from '../lint/checks.js';
import { recipeKeys } from './document.js';
import { RecipeSchema } from './schema.js';

const intro = `# Recipes

<!-- Made from packages/builder/src/recipe/schema.ts: change it there, then run \`npm run generate -w @drover/builder\`. -->

A recipe says all that makes an image: \`recipe.yaml\` in a folder of its own, with the files it needs beside it. The image is called as the folder is. Editors that
know JSON schema complete and check it with [recipe.schema.json](../api/recipe.schema.json). An unknown key is refused with its line.

\`drover build sign\` builds it and puts the image into the server's store, from where boards boot it; \`--output FOLDER\` gives the files instead: \`initfs.tgz\` (the boot
partition), \`rootfs.sqsh\`, \`image.json\`, \`packages.lock.json\`, \`sbom.spdx.json\`, \`info.sh\`, and with \`--card\` an image of a whole card. \`--lock packages.lock.json\` takes the packages of that
build again, from what is kept, also when the mirror has moved on. \`--dry-run\` chooses packages and says what would be done. \`--check\` only says whether the recipe can be used. On Debian
\`scripts/install-packages build\` installs what a build runs. It needs no root, no loop device, and leaves nothing behind when it is interrupted; what was finished is kept below
\`~/.cache/drover/builds\`, so that the next build goes on there, and a change of one step leaves those before it as they are. The same recipe and the same packages give the same bytes.
What no build has used for 30 days is deleted by the next one, except packages; \`drover builds clear-cache\` deletes all of it, with \`--packages\` these too (\`rm\` alone cannot, unless you are root: layers hold files of other users). All that the last twenty builds
said is kept in \`~/.local/state/drover/builds\`.

\`drover build sign --on ssh://pi@builder\` has another host build: a faster one, or a Pi, where nothing is emulated. It needs a login by SSH, Node.js 20 or later and the
programs of a build (\`scripts/install-packages build\`); Drover is brought along. The recipe is read here and its folders are sent there; events and files come back.
Packages and layers are kept there. Interrupting the build here ends it there.

A recipe may begin with an image instead of Debian's packages: \`base.image\` names one of the server (not for \`--on\`: it is not sent to other hosts), \`base.url\` one on the web (with the \`sha256\` of the file, compressed or not).
Its root, boot files, partition identifiers and labels stay what they are; recipes add to them. While it is built its boot files are where the running system has
them, as in \`/boot/firmware\`. Packages come from where the image has its own, and from \`sources\`; it has to be Debian or made of it. Its initramfs is the image's own matter: none is
made when a package brings another kernel. Images have an MBR with the boot partition first and an ext4 root second, as all for these boards.

\`\`\`yaml
# sign/recipe.yaml
extends: base
description: Shows a page on the screen at the door
packages: [chromium, cage]
users:
  - name: sign
    groups: [video, input]
files:
  - path: /etc/systemd/system/sign.service
    source: sign.service
services:
  enable: [sign.service]
boot:
  config: [disable_overscan=1]
\`\`\`

\`extends\` names a recipe by its folder, seen from the one that says it, or one that comes with Drover by its name. Everything the extended recipe says is done
first: packages, users, files, services, scripts, playbook. Then everything said here, in the same order. Where both say something that can only be one,
as \`hostname\`, the later is right. \`base.suite\` beside \`extends\` puts another suite of Debian in the place of the one that is extended. \`version\` and \`description\` belong to the recipe they stand in.

Sizes carry a unit: \`512MiB\` and \`2GiB\` are powers of 1024. A mode stands in quotes (\`'0644'\`), as YAML takes it for a number otherwise. Passwords stand in a
recipe as hashes only (\`mkpasswd\`).
`;

/** What somebody who extends one of the recipes that come with Drover tells it. */
const toTell: Readonly<Record<string, string>> = {
  base: '`users`, with their `authorizedKeys`: the user `pi` has none',
  builder: 'the key that logs in, in `users`',
  'dns-filter': '`/etc/dns-filter.lists`: addresses of lists, one in a line',
  docker: '`users`; a disk for the board: root mode `nbd` ([how](docker.md))',
  'docker-disk': 'a data disk called `docker-` and the host name ([how](docker.md#on-a-data-disk))',
  'k3s-agent': '`/etc/rancher/k3s/agent.env` on the board: `K3S_URL` and `K3S_TOKEN` ([how](k3s.md))',
  kiosk: '`/etc/default/kiosk`: the page to show',
  stock: '`/etc/stock.conf`: which image ([how](stock.md))',
};

export interface ShippedRecipe {
  readonly name: string;
  readonly description: string;
}

const shippedRow = ({ name, description }: ShippedRecipe): string =>
  `| \`${name}\` | ${cell(description)} | ${toTell[name] ?? ''} |`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const fallbackText = ({ fallback }: DocumentKey): string => {
  const empty = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0) || fallback === '';
  if (empty) return '';
  return `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
};

const row = (key: DocumentKey): string =>
  `| \`${key.path}\` | ${cell(key.type)} | ${cell(fallbackText(key))} | ${cell(key.description)} |`;

/** docs/how-to/recipes.md, before prettier lays out its tables. */
export const recipesPage = (shipped: readonly ShippedRecipe[]): string =>
  [
    intro,
    '## Recipes that come with Drover\n',
    'Each can be built as it is, or extended by its name.\n',
    '| recipe | what it is | what you tell it |',
    '| --- | --- | --- |',
    ...shipped.map(shippedRow),
    '',
    '## Keys\n',
    '| key | value | default | meaning |',
    '| --- | --- | --- | --- |',
    ...recipeKeys.map(row),
    '\n## Checks\n',
    'A build fails when the image holds one of these. `lint.allow` lets one pass.\n',
    '| check | what it finds |',
    '| --- | --- |',
    ...Object.entries(lintChecks).map(([name, meaning]) => `| \`${name}\` | ${cell(meaning)} |`),
    '',
  ].join('\n');

/** docs/api/recipe.schema.json: JSON Schema 2020-12 of a recipe as it is written. */
export const recipeJsonSchema = (): object => ({
  title: 'A recipe of Drover',
  ...z.toJSONSchema(RecipeSchema, { io: 'input', unrepresentable: 'any' }),
});
