import { refusal, RefusedError } from '@drover/contract';
import type { LayerWork } from '../plan/layers.js';
import type { StepContext } from './context.js';

type Settings = Extract<LayerWork, { kind: 'settings' }>;

/** hostname timezone locale, each empty where it stays as it is. */
const script = `
if [ -n "$1" ]; then
  printf '%s\\n' "$1" >/etc/hostname
  printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\t%s\\n::1\\tlocalhost ip6-localhost ip6-loopback\\nff02::1\\tip6-allnodes\\nff02::2\\tip6-allrouters\\n' "$1" >/etc/hosts
fi
if [ -n "$2" ]; then
  [ -f "/usr/share/zoneinfo/$2" ] || exit 64
  ln -sf "/usr/share/zoneinfo/$2" /etc/localtime; printf '%s\\n' "$2" >/etc/timezone
fi
case $3 in
  '') ;;
  C | C.UTF-8 | POSIX) printf 'LANG=%s\\n' "$3" >/etc/default/locale ;;
  *)
    [ -x /usr/sbin/locale-gen ] || exit 65
    grep -q "^# *$3 \\|^$3 " /etc/locale.gen || exit 66
    sed -i "s/^# *\\($3 \\)/\\1/" /etc/locale.gen
    locale-gen; printf 'LANG=%s\\n' "$3" >/etc/default/locale ;;
esac`;

const reasons: Readonly<Record<number, (settings: Settings) => [what: string, remedy: string]>> = {
  64: ({ timezone }) => [
    `timezone: the image has no time zone ${timezone ?? ''}.`,
    'Add the package tzdata to packages, or check the spelling.',
  ],
  65: ({ locale }) => [
    `locale: the image has no program that makes ${locale ?? ''}.`,
    'Add the package locales to packages, or use C.UTF-8.',
  ],
  66: ({ locale }) => [
    `locale: Debian has no locale ${locale ?? ''}.`,
    'See /usr/share/i18n/SUPPORTED for those it has.',
  ],
};

export async function applySettings(settings: Settings, { root, env, onOutput }: StepContext): Promise<void> {
  const words = [settings.hostname ?? '', settings.timezone ?? '', settings.locale ?? ''];
  const okCodes = [0, ...Object.keys(reasons).map(Number)];
  const { code } = await root.run('sh', ['-euc', script, 'sh', ...words], { env, onOutput, okCodes });
  const reason = reasons[code]?.(settings);
  if (reason !== undefined) throw new RefusedError(refusal('tool.failed', reason[0], { remedy: reason[1] }));
}
