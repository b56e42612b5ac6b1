# shellcheck shell=sh
# What a board's boot config asks of its root, before the system starts: keys to log in with, files of the root that stay, and the
# places where programs of CattlePi look. Uses $root, $run (with `config`, see config.sh) and $state, the runtime's.

# home_of USER: sets home, user_id and group_id from the image's own table. Fails for a user it has not.
home_of() {
  while IFS=: read -r home_name _ user_id group_id _ home _; do
    if [ "$home_name" = "$1" ]; then return 0; fi
  done <"$root/etc/passwd"
  return 1
}

# apply_authorized_keys: added to those of the image. Prints who is not there to log in.
apply_authorized_keys() {
  for keys_path in "$run/config/authorized_keys"/*; do
    [ -f "$keys_path" ] || continue
    keys_user=${keys_path##*/}
    if ! home_of "$keys_user" || [ -z "$home" ]; then
      echo "no user $keys_user in this image for its authorized keys."
      continue
    fi
    keys_folder=$root$home/.ssh
    # A link would lead the keys elsewhere.
    if [ -L "$keys_folder" ]; then rm -f "$keys_folder"; fi
    mkdir -p "$keys_folder"
    while IFS= read -r keys_line || [ -n "$keys_line" ]; do
      grep -qsxF -- "$keys_line" "$keys_folder/authorized_keys" || printf '%s\n' "$keys_line" >>"$keys_folder/authorized_keys"
    done <"$keys_path"
    chmod 700 "$keys_folder"
    chmod 600 "$keys_folder/authorized_keys"
    chown "$user_id:$group_id" "$keys_folder" "$keys_folder/authorized_keys"
  done
}

# apply_cattlepi: what scripts written for CattlePi read, unless the image has it: the config and whom to ask for it, and its programs as
# words for our agent.
apply_cattlepi() {
  mkdir -p "$root/cattlepi" "$root/etc/cattlepi"
  cp "$run/config/config.json" "$root/cattlepi/config" 2>/dev/null
  value_of url "$state" >"$root/cattlepi/base"
  (
    umask 077
    value_of key "$state" >"$root/cattlepi/apikey"
  )
  cattle_id=$(value_of for "$state") || cattle_id=''
  [ -n "$cattle_id" ] || cattle_id=$(value_of mac "$state")
  echo "$cattle_id" >"$root/cattlepi/id"
  echo "boot/$cattle_id/config" >"$root/cattlepi/base_relative_config"
  if [ -f "$run/config/wpa_supplicant.conf" ]; then
    (
      umask 077
      cp "$run/config/wpa_supplicant.conf" "$root/cattlepi/wpa_supplicant.conf"
    )
  fi
  for cattle_pair in autoupdate:update inline_update:update hard_reboot:restart mount_boot:mount-boot umount_boot:umount-boot; do
    cattle_program "${cattle_pair%%:*}" "exec sh /run/drover/lib/agent ${cattle_pair#*:}"
  done
  cattle_program release "cat /run/drover/release"
  cattle_program release_version "cat /run/drover/release"
}

# cattle_program NAME LINE: unless the image has one.
cattle_program() {
  [ ! -e "$root/etc/cattlepi/$1.sh" ] || return 0
  printf '#!/bin/sh\n%s\n' "$2" >"$root/etc/cattlepi/$1.sh"
  chmod 755 "$root/etc/cattlepi/$1.sh"
}

# apply_agent: starts with the system. Other inits have it from `up`.
apply_agent() {
  agent_units="$root/run/systemd/system"
  mkdir -p "$agent_units/multi-user.target.wants"
  agent_unit drover-agent 'Keep this board as Drover wants it' 'run' 'Restart=always
RestartSec=30'
  if [ -s "$run/config/usercode" ]; then
    agent_unit drover-usercode "Run the usercode of this board's boot config" 'usercode' 'Type=oneshot
RemainAfterExit=yes'
  fi
  if [ -x "$root/etc/drover/bootstrap" ] || [ -x "$root/etc/cattlepi/bootstrap.sh" ]; then
    agent_unit drover-bootstrap "Run the recipe's bootstrap" 'bootstrap' 'Type=oneshot
RemainAfterExit=yes'
  fi
}

# agent_unit NAME DESCRIPTION WORD LINES
agent_unit() {
  cat >"$agent_units/$1.service" <<UNIT
[Unit]
Description=$2
Wants=network-online.target
After=network-online.target

[Service]
$4
ExecStart=/run/drover/bin/busybox sh /run/drover/lib/agent $3
UNIT
  ln -sf "../$1.service" "$agent_units/multi-user.target.wants/$1.service"
}
