import type { PackageStep } from '../packages/lock.js';
import { writeInSandbox, workbench } from '../machine/workbench.js';
import { repositoryIndex } from '../packages/repository.js';
import type { StepContext } from './context.js';

const dpkg = `${workbench.programs}/dpkg`;

/** apt.conf(5): this machine's apt at work on a root. It sees one repository, and its dpkg is the one of the root. */
const settings = (root: string, architecture: string, recommends: boolean): string[] => {
  const values = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Install-Recommends': String(recommends),
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::Bin::dpkg': dpkg,
    'Dir::Cache': `${workbench.temporary}/cache`,
    'Dir::Etc': `${workbench.temporary}/etc`,
    'Dir::Etc::sourcelist': `${workbench.repository}/sources.list`,
    'Dir::Log': `${workbench.temporary}/log`,
    'Dir::State': `${workbench.temporary}/state`,
    'Dir::State::status': `${root}/var/lib/dpkg/status`,
    'Dpkg::Use-Pty': '0',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
};

/** Where raspi-firmware insists on a mounted boot partition and copies to: what goes there is put together later, and not from here. An image that a build
 * begins with has its boot files there. */
const forgotten = ['/boot/firmware'];

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** No service starts while a system is put together (invoke-rc.d(8)), and no package makes an initramfs: it is composed later, from what is there then. */
const hold = `
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 0755 /usr/sbin/policy-rc.d
dpkg-divert --quiet --local --rename --divert /usr/sbin/update-initramfs.diverted --add /usr/sbin/update-initramfs
ln -sf /bin/true /usr/sbin/update-initramfs`;
const release = `
rm -f /usr/sbin/policy-rc.d /usr/sbin/update-initramfs
dpkg-divert --quiet --local --rename --remove /usr/sbin/update-initramfs`;

/** Which packages came only because others need them, for `apt autoremove`. */
async function* marks({ install, asked }: PackageStep): AsyncIterable<Uint8Array> {
  const auto = install.filter(({ locked }) => !asked.includes(locked.name));
  yield Buffer.from(
    auto
      .map(({ locked }) => `Package: ${locked.name}\nArchitecture: ${locked.architecture}\nAuto-Installed: 1\n\n`)
      .join(''),
  );
}

/** Installs and removes what was chosen, and nothing else. */
export async function changePackages(
  step: PackageStep,
  { sandbox, root, architecture, env, onOutput }: StepContext,
  { recommends, seesBoot }: { readonly recommends: boolean; readonly seesBoot: boolean },
): Promise<void> {
  const { install, remove } = step;
  const { repository, temporary } = workbench;
  await writeInSandbox(sandbox, `${repository}/Packages`, repositoryIndex(install));
  await writeInSandbox(sandbox, `${repository}/sources.list`, `deb [trusted=yes] file:${repository} ./\n`);
  await writeInSandbox(
    sandbox,
    dpkg,
    `#!/bin/sh\nexec ${root
      .entry({ forgotten: seesBoot ? [] : forgotten })
      .map(quoted)
      .join(' ')} dpkg "$@"\n`,
    '0755',
  );
  await sandbox.run('rm', ['-rf', `${temporary}/state`, `${temporary}/cache`]);
  await sandbox.run('mkdir', [
    '-p',
    ...['state/lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/apt.conf.d', 'log'].map(
      (name) => `${temporary}/${name}`,
    ),
  ]);
  const apt = settings(root.path, architecture, recommends);
  const run = { env: { ...env, TMPDIR: temporary }, onOutput };
  await root.run('sh', ['-euc', hold], run);
  await sandbox.run('apt-get', [...apt, '-q', 'update'], run);
  const wishes = [
    ...install.map(({ locked }) => `${locked.name}=${locked.version}`),
    ...remove.map((name) => `${name}-`),
  ];
  const options = ['-q', '-y', '--purge', '--allow-downgrades', '--allow-change-held-packages'];
  await sandbox.run('apt-get', [...apt, ...options, 'install', ...wishes], run);
  await root.run('sh', ['-euc', `${release}\ncat >>/var/lib/apt/extended_states`], { ...run, input: marks(step) });
}
