# shellcheck shell=sh
# Whether a board that is up is well: programs of the image in /etc/drover/health.d, as run-parts takes them, besides what systemd says.

# Where an image has its checks.
health_folder=/etc/drover/health.d
# Seconds a check may take.
health_limit=60

# health_check: sets health (ok, failing), health_why, and health_failed, the names of the checks that fail, with commas.
health_check() {
  health=ok
  health_why=''
  health_failed=''
  if [ "$(value_of init "$here/state")" = systemd ]; then
    health_units=$(systemctl list-units --failed --no-legend --plain 2>/dev/null | awk '{ print $1 }' | tr '\n' ' ')
    [ -z "$health_units" ] || health_why="failed units: ${health_units% }"
  fi
  for health_program in "$health_folder"/*; do
    [ -x "$health_program" ] || continue
    health_said=$(timeout "$health_limit" "$health_program" 2>&1 </dev/null) && continue
    health=failing
    health_failed="${health_failed:+$health_failed,}$(health_name "${health_program##*/}")"
    health_why="${health_why:+$health_why; }${health_program##*/}: $(echo "$health_said" | tail -n 1)"
  done
}

# health_name NAME: a name of a check as the server takes it.
health_name() {
  printf %.64s "$1" | tr -c 'A-Za-z0-9._-' '_'
}
