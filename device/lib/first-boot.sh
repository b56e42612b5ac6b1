# shellcheck shell=sh
# First-boot settings: host name, users, keys, time zone. They came with what makes the board itself (see identity.sh) and lie in
# $run/first-boot, in memory: `settings`, a value a line, and `cloud`, the same as a seed for cloud-init. An image that has cloud-init is given the
# seed; any other has the settings applied here, on a root that stays once for each change of them. Nothing is ever evaluated, and every value is
# looked at again before any of them is used. Uses $root, $run, $root_needs_network, mask.sh and apply-network.sh.

first_boot_sudoers=etc/sudoers.d/90-drover-first-boot
first_boot_sshd=etc/ssh/sshd_config.d/00-drover-first-boot.conf
first_boot_cloud=etc/cloud/cloud.cfg.d/zz-drover-first-boot.cfg
first_boot_seed=var/lib/cloud/seed/nocloud
# What was done to this root: the digest of the settings, keys by user.
first_boot_notes=var/lib/drover/first-boot

# first_boot_value KEY: of what the server sent, where that can be read.
first_boot_value() {
  [ -f "$run/first-boot/settings" ] && value_of "$1" "$run/first-boot/settings"
}

# first_boot_hostname: prints it, where there is one in order.
first_boot_hostname() {
  first_boot_name=$(first_boot_value hostname) && is_host_name "$first_boot_name" && echo "$first_boot_name"
}

# first_boot_wifi: prints where the Wi-Fi network of the settings is, as the server writes it.
first_boot_wifi() {
  first_boot_file=$run/first-boot/wpa_supplicant.conf
  first_boot_tab=$(printf '\t')
  [ -s "$first_boot_file" ] || return 1
  ! grep -qvE "^(country=[A-Z][A-Z]|network=[{]|[}]|$first_boot_tab(ssid=[0-9a-f]{2,64}|psk=[0-9a-f]{64}|key_mgmt=NONE|scan_ssid=1))\$" \
    "$first_boot_file" || return 1
  echo "$first_boot_file"
}

# first_boot_tell WORDS...: for the summary that people read.
first_boot_tell() {
  first_boot_told="${first_boot_told:+$first_boot_told, }$*"
}

# --- forms

is_account() {
  case $1 in '' | [!a-z_]* | *[!a-z0-9_-]*) return 1 ;; esac
  [ "${#1}" -le 32 ]
}

is_zone() {
  case $1 in '' | [!A-Za-z]* | */ | *//* | *[!A-Za-z0-9_+/-]*) return 1 ;; esac
}

is_locale() {
  case $1 in '' | [!A-Za-z]* | *..* | *[!A-Za-z0-9._@-]*) return 1 ;; esac
}

is_keymap() {
  case $1 in '' | [!a-z]* | *[!a-z0-9_-]*) return 1 ;; esac
}

is_password_hash() {
  case $1 in '$'[0-9a-z]*'$'?*) ;; *) return 1 ;; esac
  case $1 in *[!A-Za-z0-9./\$,=+-]*) return 1 ;; esac
}

is_shell() {
  case $1 in */ | */.* | *//* | *[!A-Za-z0-9._+/-]*) return 1 ;; /?*) ;; *) return 1 ;; esac
}

is_key_line() {
  case $1 in '' | *[[:cntrl:]]*) return 1 ;; *' '*) ;; *) return 1 ;; esac
}

is_host_name() {
  case $1 in '' | [!A-Za-z0-9]* | *..* | *[!A-Za-z0-9.-]*) return 1 ;; esac
  [ "${#1}" -le 64 ]
}

# first_boot_is KEY VALUE: whether a line says what it may.
first_boot_is() {
  case $1 in
    digest) is_hex 64 "$2" ;;
    hostname) is_host_name "$2" ;;
    timezone) is_zone "$2" ;;
    locale) is_locale "$2" ;;
    keymap) is_keymap "$2" ;;
    ssh | take-over | sudo) [ "$2" = yes ] ;;
    ssh-password) [ "$2" = yes ] || [ "$2" = no ] ;;
    user | group) is_account "$2" ;;
    password) is_password_hash "$2" ;;
    shell) is_shell "$2" ;;
    key | first-key) is_key_line "$2" ;;
    *) return 1 ;;
  esac
}

# first_boot_check: all or nothing. Sets first_boot_wrong, the key of the first line that is not in order.
first_boot_check() {
  while IFS= read -r first_boot_line || [ -n "$first_boot_line" ]; do
    first_boot_wrong=$(printf %.32s "${first_boot_line%%=*}" | tr -c 'a-z-' '?')
    case $first_boot_line in *=*) ;; *) return 1 ;; esac
    first_boot_is "${first_boot_line%%=*}" "${first_boot_line#*=}" || return 1
  done <"$run/first-boot/settings"
  first_boot_wrong=digest
  first_boot_digest=$(first_boot_value digest)
}

# --- files

# first_boot_put FILE MODE: from standard input, in place of what is there, whatever that is.
first_boot_put() {
  mkdir -p "${1%/*}"
  (
    umask 077
    cat >"$1.drover-new"
  )
  chmod "$2" "$1.drover-new" && mv -f "$1.drover-new" "$1"
}

# first_boot_replace FILE NEW: the content of NEW, at once or not at all, with owner and mode as they are. Fails where there is no room, which is
# noted: then all of it is done again at the next boot.
first_boot_replace() {
  if cmp -s "$2" "$1"; then return 0; fi
  if [ -L "$1" ]; then
    cat "$2" >"$1"
  elif [ -e "$1" ]; then
    cp -p "$1" "$1.drover-new" && cat "$2" >"$1.drover-new" && cmp -s "$2" "$1.drover-new" && mv -f "$1.drover-new" "$1"
  else
    mkdir -p "${1%/*}" && cat "$2" >"$1"
  fi 2>/dev/null || {
    rm -f "$1.drover-new" 2>/dev/null
    first_boot_failed=${1#"$root"}
    return 1
  }
}

# --- an image with cloud-init

# has_cloud_init: whether it will run.
has_cloud_init() {
  [ -e "$root/etc/cloud/cloud.cfg" ] && has_program cloud-init || return 1
  if [ -e "$root/etc/cloud/cloud-init.disabled" ] || has_parameter cloud-init=disabled; then return 1; fi
  for first_boot_unit in cloud-init-local.service cloud-init-main.service cloud-init.service; do
    [ "$(readlink "$root/etc/systemd/system/$first_boot_unit")" = /dev/null ] || ! has_unit "$first_boot_unit" || return 0
  done
  return 1
}

# forget_cloud_init: what it was given before.
forget_cloud_init() {
  # An empty root is the root itself, and the rest is never empty.
  # shellcheck disable=SC2115
  rm -rf "$root/$first_boot_seed"
  rm -f "$root/$first_boot_cloud"
}

# network_is_said: whether the image's network is not for cloud-init to make: the root lives on it, or the image was told of it (see
# apply-network.sh).
network_is_said() {
  [ "$root_needs_network" = yes ] || [ -e "$run/wifi-taken" ] || [ -n "$(root_read vlan)$(root_read address)" ]
}

# seed_cloud_init: it asks nobody else. The keys of the host are ours, and so is the size of the root; and the network, where it is said, unless
# somebody wrote a network-config.
seed_cloud_init() {
  forget_cloud_init
  (
    umask 077
    mkdir -p "$root/$first_boot_seed"
    cp "$run/first-boot/cloud"/* "$root/$first_boot_seed/"
  )
  {
    echo '# Written by drover at each boot.'
    echo 'datasource_list: [ NoCloud ]'
    echo 'datasource: { NoCloud: { fs_label: null, seedfrom: null } }'
    echo 'ssh_deletekeys: false'
    echo "growpart: { mode: 'off' }"
    echo 'resize_rootfs: false'
    if [ ! -e "$run/first-boot/cloud/network-config" ] && network_is_said; then echo 'network: { config: disabled }'; fi
  } | first_boot_put "$root/$first_boot_cloud" 644
  first_boot_tell 'by cloud-init'
}

# --- an image without

set_time_zone() {
  if [ ! -f "$root/usr/share/zoneinfo/$1" ]; then
    first_boot_tell "no time zone $1 in this image"
    return 0
  fi
  rm -f "$root/etc/localtime"
  ln -s "/usr/share/zoneinfo/$1" "$root/etc/localtime"
  echo "$1" | first_boot_put "$root/etc/timezone" 644
  first_boot_tell "time zone $1"
}

# has_locale NAME: whether the image was made with it. Names are kept with the code set in lower case and without hyphens.
has_locale() {
  case $1 in C | C.UTF-8 | POSIX) return 0 ;; esac
  first_boot_code=${1#*.}
  [ "$first_boot_code" != "$1" ] || first_boot_code=''
  first_boot_code=$(echo "${first_boot_code%%@*}" | tr '[:upper:]' '[:lower:]' | tr -d -)
  first_boot_kept=${1%%[.@]*}${first_boot_code:+.$first_boot_code}
  case $1 in *@*) first_boot_kept=$first_boot_kept@${1#*@} ;; esac
  [ -d "$root/usr/lib/locale/$1" ] || [ -d "$root/usr/lib/locale/$first_boot_kept" ] ||
    { [ -f "$root/usr/lib/locale/locale-archive" ] && tr '\0' '\n' <"$root/usr/lib/locale/locale-archive" | grep -qF -- "$first_boot_kept"; }
}

set_locale() {
  if has_locale "$1"; then
    write_variables "$root/etc/default/locale" "LANG=$1"
    first_boot_tell "locale $1"
  else
    first_boot_tell "no locale $1 in this image"
  fi
}

# write_variables FILE NAME=VALUE...: in a file that a shell reads, in place of what these names had.
write_variables() {
  first_boot_file=$1
  shift
  first_boot_names=$(printf '%s\n' "$@" | sed 's/=.*//' | tr '\n' '|')
  {
    grep -vE "^[[:space:]]*(${first_boot_names%|})=" "$first_boot_file" 2>/dev/null
    printf '%s\n' "$@"
  } >"$run/variables"
  first_boot_replace "$first_boot_file" "$run/variables"
}

set_keymap() {
  [ -e "$root/etc/default/keyboard" ] || write_variables "$root/etc/default/keyboard" 'XKBMODEL="pc105"'
  write_variables "$root/etc/default/keyboard" "XKBLAYOUT=\"$1\"" 'XKBVARIANT=""'
  first_boot_tell "keyboard $1"
}

# set_ssh_password yes|no: sshd takes the first value it finds.
set_ssh_password() {
  first_boot_file=$root/etc/ssh/sshd_config
  [ -f "$first_boot_file" ] || return 0
  first_boot_lines="PasswordAuthentication $1"
  [ "$1" = yes ] || first_boot_lines="$first_boot_lines
KbdInteractiveAuthentication no"
  if grep -qi '^[[:space:]]*Include[[:space:]].*sshd_config\.d/\*\.conf' "$first_boot_file"; then
    echo "$first_boot_lines" | first_boot_put "$root/$first_boot_sshd" 644
  else
    # Of before 2020: another word for the second.
    first_boot_lines=$(echo "$first_boot_lines" | sed 's/^KbdInteractive/ChallengeResponse/; s/$/ # drover/')
    { echo "$first_boot_lines" && sed '/ # drover$/d' "$first_boot_file"; } >"$run/sshd_config"
    first_boot_replace "$first_boot_file" "$run/sshd_config"
  fi
  first_boot_tell "passwords over SSH: $1"
}

# start_ssh: as whatever starts the image's services would have it.
start_ssh() {
  for first_boot_unit in ssh.service sshd.service; do
    for first_boot_folder in etc/systemd/system usr/lib/systemd/system lib/systemd/system; do
      [ -f "$root/$first_boot_folder/$first_boot_unit" ] || continue
      mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
      ln -sf "/$first_boot_folder/$first_boot_unit" "$root/etc/systemd/system/multi-user.target.wants/$first_boot_unit"
      return 0
    done
  done
  if [ -e "$root/etc/init.d/sshd" ] && [ -d "$root/etc/runlevels/default" ]; then
    ln -sf /etc/init.d/sshd "$root/etc/runlevels/default/sshd"
  elif [ -e "$root/etc/init.d/ssh" ] && [ -d "$root/etc/rc2.d" ]; then
    rm -f "$root"/etc/rc[2-5].d/[SK][0-9][0-9]ssh
    for first_boot_level in 2 3 4 5; do ln -s ../init.d/ssh "$root/etc/rc$first_boot_level.d/S01ssh"; done
  else
    first_boot_tell 'no SSH server in this image'
  fi
}

# apply_value KEY VALUE: the lines of users are read by apply_users.
apply_value() {
  case $1 in
    timezone) set_time_zone "$2" ;;
    locale) set_locale "$2" ;;
    keymap) set_keymap "$2" ;;
    ssh-password) set_ssh_password "$2" ;;
  esac
}

# apply_settings: on a root without cloud-init.
apply_settings() {
  rm -f "$root/$first_boot_sshd"
  while IFS= read -r first_boot_line || [ -n "$first_boot_line" ]; do
    apply_value "${first_boot_line%%=*}" "${first_boot_line#*=}"
  done <"$run/first-boot/settings"
  apply_users
}

# --- once

# first_boot_end: settings that were taken away. What they made stays, but nothing of them opens a door any more.
first_boot_end() {
  [ -e "$root/$first_boot_notes/digest" ] || return 0
  take_keys_back
  forget_cloud_init
  rm -f "$root/$first_boot_sudoers" "$root/$first_boot_sshd" "$root/$first_boot_notes/digest"
  first_boot_tell 'first-boot settings taken back'
}

# apply_first_boot: sets first_boot_told, for a person.
apply_first_boot() {
  first_boot_told=''
  first_boot_failed=''
  if [ ! -s "$run/first-boot/settings" ]; then
    first_boot_end
  elif ! first_boot_check; then
    first_boot_tell "first-boot settings refused: $first_boot_wrong"
  else
    first_boot_before=$(cat "$root/$first_boot_notes/digest" 2>/dev/null)
    [ "$(first_boot_value ssh)" != yes ] || start_ssh
    if has_cloud_init; then
      seed_cloud_init
    elif [ "$first_boot_before" != "$first_boot_digest" ]; then
      apply_settings
    fi
    if [ -n "$first_boot_failed" ]; then
      first_boot_tell "$first_boot_failed cannot be written"
    elif [ "$first_boot_before" != "$first_boot_digest" ]; then
      echo "$first_boot_digest" | first_boot_put "$root/$first_boot_notes/digest" 600
    fi
    first_boot_told="first boot: ${first_boot_told:-as before}"
  fi
  rm -rf "${run:?}/first-boot"
}
