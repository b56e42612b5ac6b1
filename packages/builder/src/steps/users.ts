import type { RecipeUser } from '../recipe/recipe.js';
import type { StepContext } from './context.js';

/** name shell home password uid sudo group...; public keys come on standard input. */
const script = `
name=$1 shell=$2 home=$3 password=$4 uid=$5 sudo=$6; shift 6
for group; do getent group "$group" >/dev/null || groupadd "$group"; done
groups=$(printf '%s,' "$@"); groups=\${groups%,}
if getent passwd "$name" >/dev/null; then usermod --shell "$shell" \${home:+--home "$home"} \${uid:+--uid "$uid"} \${groups:+--append --groups "$groups"} "$name"
else useradd --create-home --user-group --shell "$shell" \${home:+--home-dir "$home"} \${uid:+--uid "$uid"} \${groups:+--groups "$groups"} "$name"; fi
printf '%s:%s\\n' "$name" "$password" | chpasswd --encrypted
home=$(getent passwd "$name" | cut -d: -f6)
keys=$(cat)
if [ -n "$keys" ]; then
  install -d -m 0700 -o "$name" -g "$(id -gn "$name")" "$home/.ssh"
  printf '%s\\n' "$keys" >"$home/.ssh/authorized_keys"
  chmod 0600 "$home/.ssh/authorized_keys"; chown "$name:$(id -gn "$name")" "$home/.ssh/authorized_keys"
fi
if [ "$sudo" = yes ]; then
  mkdir -p /etc/sudoers.d
  printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\\n' "$name" >"/etc/sudoers.d/010-$name"; chmod 0440 "/etc/sudoers.d/010-$name"
fi`;

async function* lines(texts: readonly string[]): AsyncIterable<Uint8Array> {
  yield Buffer.from(texts.map((text) => `${text}\n`).join(''));
}

/** Makes and changes users. */
export async function makeUsers(users: readonly RecipeUser[], { root, env, onOutput }: StepContext): Promise<void> {
  for (const { name, shell, home = '', password, uid, sudo, groups, authorizedKeys } of users) {
    const words = [name, shell, home, password, uid === undefined ? '' : String(uid), sudo ? 'yes' : 'no', ...groups];
    await root.run('sh', ['-euc', script, 'sh', ...words], { env, onOutput, input: lines(authorizedKeys) });
  }
}
