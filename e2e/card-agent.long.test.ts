import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootMs, startCardLab, type CardLab } from './card-sd/card-lab.js';

// What Drover does in a system that runs from its card: bootstrap, usercode, files that stay, and an update nobody asked for, after the board's
// own work has been brought away. All that it asks the server goes through TLS.

let lab: CardLab;
beforeAll(async () => {
  lab = await startCardLab('agent', { tls: true });
});
afterAll(async () => {
  await lab?.boardsOff();
  await lab?.stop();
});

const folder = '/var/lib/sign';
/** Refuses the first time it is asked. */
const drain = `#!/bin/sh
[ ! -e ${folder}/playing ] && exit 0
rm ${folder}/playing
echo 'a film is playing'
exit 1
`;
const bootstrap = `#!/bin/sh
echo "bootstrap of $(cat /etc/drover-version)" >/dev/console
`;
const usercode = `echo start >>${folder}/starts
[ -e ${folder}/seed ] || exit 3
[ "$(wc -l <${folder}/starts)" -gt 1 ] || touch ${folder}/playing
echo "usercode: start $(wc -l <${folder}/starts), $(cat ${folder}/seed)" >/dev/console
`;
const version = (word: string) => ({
  root: {
    '/etc/drover-version': `${word}\n`,
    '/etc/drover/drain.d/10-sign': drain,
    '/etc/drover/bootstrap': bootstrap,
    [`${folder}/seed`]: `seed of ${word}\n`,
  },
  config: `# ${word}\n`,
});

test('the agent of a running system runs its scripts, keeps what is to stay, and updates the board by itself when its work allows it', async () => {
  const name = 'sign';
  const { client } = lab.drover;
  await lab.image('sign:1', version('one'));
  const board = await lab.board(name, 'sign:1');
  await client.call('putBootLayer', {
    params: { layer: `device:${name}` },
    body: {
      document: {
        usercode: Buffer.from(usercode).toString('base64'),
        config: { autoupdate: true, update: { every: 60 }, persist: [folder] },
      },
      reason: '',
    },
  });
  board.on();
  const first = await lab.up(board, name);
  await board.saw(`ask: ${lab.lab.net.server}:8443`, bootMs);
  await board.saw('bootstrap of one', bootMs);
  await board.saw('usercode: start 1, seed of one', bootMs);
  await lab.kept(first.lastSession);
  const steps = () => lab.reports(first.lastSession);
  await expect.poll(steps, { timeout: 60_000 }).toContain('usercode info it ended with 0');

  await lab.image('sign:2', version('two'));
  await lab.reimage(name, 'sign:2');
  await expect.poll(steps, { timeout: 300_000 }).toContain('update info not now: 10-sign says: a film is playing');
  expect(board.starts).toHaveLength(1);
  const second = await lab.up(board, name, first.lastSession, 2 * bootMs);
  expect((await steps()).some((step) => /^update ok into set b, to be tried by/.test(step))).toBe(true);
  await lab.kept(second.lastSession);
  await board.saw('bootstrap of two', bootMs, 1);
  // What stays is the board's: the image's own is copied once.
  await board.saw('usercode: start 2, seed of one', bootMs, 1);
  const running = async () => (await client.call('getDevice', { params: { ref: name } })).health;
  await expect
    .poll(running, { timeout: 120_000 })
    .toMatchObject({ status: 'healthy', image: 'sign:2', fellBack: false });
});
