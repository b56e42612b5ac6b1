# shellcheck shell=sh
# Whether a board that is up is well: programs of the image in /etc/drover/health.d, as run-parts takes them, besides what systemd says.

# Seconds a check may take.
health_limit=60

# health_check: sets health (ok, failing) and health_why.
health_check() {
  health=ok
  health_why=''
  if [ "$(value_of init "$here/state")" = systemd ]; then
    health_units=$(systemctl list-units --failed --no-legend --plain 2>/dev/null | awk '{ print $1 }' | tr '\n' ' ')
    [ -z "$health_units" ] || health_why="failed units: ${health_units% }"
  fi
  for health_program in /etc/drover/health.d/*; do
    [ -x "$health_program" ] || continue
    health_said=$(timeout "$health_limit" "$health_program" 2>&1 </dev/null) && continue
    health=failing
    health_why="${health_why:+$health_why; }${health_program##*/}: $(echo "$health_said" | tail -n 1)"
  done
}
