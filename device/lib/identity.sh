# shellcheck shell=sh
# What makes a board itself on a root that forgets: machine-id, host name, SSH host keys come from the server at each boot.

# apply_identity ARCHIVE: unpacks over $root. Owners are root's; modes are those of the archive.
apply_identity() {
  tar -x -f "$1" -C "$root/" || return 1
  for identity_key in "$root"/etc/ssh/ssh_host_*_key; do
    [ ! -f "$identity_key" ] || chmod 600 "$identity_key"
  done
  # D-Bus may keep an id of its own: the image's, the same on every board.
  identity_bus="$root/var/lib/dbus/machine-id"
  if [ -f "$identity_bus" ] && [ ! -L "$identity_bus" ]; then cat "$root/etc/machine-id" >"$identity_bus"; fi
}

# host_entries NAME: the host name, and an address for it, where the server's archive did not bring them.
host_entries() {
  [ "$(cat "$root/etc/hostname" 2>/dev/null)" = "$1" ] || echo "$1" >"$root/etc/hostname"
  grep -qsw -- "$1" "$root/etc/hosts" || printf '127.0.1.1\t%s\n' "$1" >>"$root/etc/hosts"
}

# name_servers LIST: with commas; for a root that has no resolver configuration of its own.
name_servers() {
  [ -n "$1" ] || return 0
  if [ -L "$root/etc/resolv.conf" ] || [ -s "$root/etc/resolv.conf" ]; then return 0; fi
  echo "$1" | tr ',' '\n' | sed 's/^/nameserver /' >"$root/etc/resolv.conf"
}
