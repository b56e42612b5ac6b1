# shellcheck shell=sh
# Users of the first-boot settings, on a root without cloud-init: in passwd, shadow and group as the image has them. A user that is there keeps its
# numbers, its home and what it has beside what is said here. Uses $root, $run, first-boot.sh and home_of of apply-config.sh.

# Of numbers for people, Debian's (UID_MIN and UID_MAX of login.defs).
user_first=1000
user_last=59999

# What Raspberry Pi OS has its first user in; of these an image has some.
user_first_groups='adm dialout cdrom sudo audio video plugdev games users input render netdev gpio i2c spi'

# rewrite FILE PROGRAM: a table of the image through awk. Values come by the environment, where awk takes them as they stand.
rewrite() {
  [ -f "$root/etc/$1" ] || return 0
  (
    umask 077
    awk -F: -v OFS=: "$2" "$root/etc/$1" >"$run/table"
  )
  first_boot_replace "$root/etc/$1" "$run/table"
  rm -f "$run/table"
}

# table_line FILE NAME REST: at the end of a table, which may lack the end of its last line, unless the name has a line.
table_line() {
  # awk's.
  # shellcheck disable=SC2016
  NAME=$2 LINE=$2:$3 rewrite "$1" '$1 == ENVIRON["NAME"] { found = 1 } { print } END { if (!found) print ENVIRON["LINE"] }'
}

# in_table FILE NAME
in_table() {
  NAME=$2 awk -F: '$1 == ENVIRON["NAME"] { found = 1 } END { exit !found }' "$root/etc/$1"
}

# set_field FILE NAME NUMBER VALUE
set_field() {
  # awk's.
  # shellcheck disable=SC2016
  NAME=$2 FIELD=$3 VALUE=$4 rewrite "$1" '$1 == ENVIRON["NAME"] { $(ENVIRON["FIELD"] + 0) = ENVIRON["VALUE"] } { print }'
}

# free_number FILE FIRST: the first from there on that no line has in its third field.
free_number() {
  FIRST=$2 LAST=$user_last awk -F: '{ taken[$3] = 1 }
    END { for (n = ENVIRON["FIRST"] + 0; n <= ENVIRON["LAST"] + 0; n++) if (!(n in taken)) { print n; exit } exit 1 }' "$root/etc/$1"
}

# group_number NAME
group_number() {
  NAME=$1 awk -F: '$1 == ENVIRON["NAME"] { print $3; exit }' "$root/etc/group"
}

# add_member GROUP USER: in group and gshadow, once.
add_member() {
  for user_table in group gshadow; do
    # shellcheck disable=SC2016
    GROUP=$1 USER=$2 rewrite "$user_table" '$1 == ENVIRON["GROUP"] && !index("," $4 ",", "," ENVIRON["USER"] ",") {
      $4 = ($4 == "" ? "" : $4 ",") ENVIRON["USER"] } { print }'
  done
}

# --- the image's own first user

# sole_user: sets user_old to the one with the number 1000, where no other user has a number for people but the one that the vendor's wizard runs as.
sole_user() {
  user_old=$(FIRST=$user_first LAST=$user_last awk -F: '
    $1 != "rpi-first-boot-wizard" && $3 + 0 >= ENVIRON["FIRST"] + 0 && $3 + 0 <= ENVIRON["LAST"] + 0 { count++; name = $1; number = $3 }
    END { if (count == 1 && number == ENVIRON["FIRST"]) print name }' "$root/etc/passwd")
  is_account "$user_old"
}

# rename_word OLD NEW FILE...: the user's name where it stands as a word in settings that name it.
rename_word() {
  rename_old=$1
  rename_new=$2
  shift 2
  for user_file in "$@"; do
    [ -f "$user_file" ] || continue
    sed "s/^$rename_old\([ :]\)/$rename_new\1/; s/--autologin $rename_old /--autologin $rename_new /; s/^autologin-user=$rename_old\$/autologin-user=$rename_new/" \
      "$user_file" >"$run/renamed"
    first_boot_replace "$user_file" "$run/renamed"
  done
}

# rename_user OLD NEW: what the vendor's userconf does with usermod and groupmod, and its own settings for who logs in by itself.
rename_user() {
  home_of "$1" || return 1
  for user_table in passwd shadow; do set_field "$user_table" "$1" 1 "$2"; done
  if ! in_table group "$2" && [ "$(group_number "$1")" = "$group_id" ]; then
    for user_table in group gshadow; do set_field "$user_table" "$1" 1 "$2"; done
  fi
  for user_table in group gshadow; do
    # shellcheck disable=SC2016
    OLD=$1 NEW=$2 rewrite "$user_table" 'index("," $4 ",", "," ENVIRON["OLD"] ",") { count = split($4, names, ","); $4 = ""
      for (n = 1; n <= count; n++) $4 = $4 (n > 1 ? "," : "") (names[n] == ENVIRON["OLD"] ? ENVIRON["NEW"] : names[n]) } { print }'
  done
  if [ "$home" = "/home/$1" ] && [ ! -e "$root/home/$2" ]; then
    if [ -d "$root$home" ]; then mv "$root$home" "$root/home/$2"; fi
    set_field passwd "$2" 6 "/home/$2"
  fi
  rename_word "$1" "$2" "$root/etc/subuid" "$root/etc/subgid" "$root/etc/sudoers.d/010_pi-nopasswd" \
    "$root/etc/sudoers.d/90-cloud-init-users" "$root/etc/systemd/system/getty@tty1.service.d/autologin.conf" \
    "$root/etc/lightdm/lightdm.conf"
  # It says that nobody can log in before the user was renamed.
  rm -f "$root/etc/ssh/sshd_config.d/rename_user.conf"
  first_boot_tell "user $1 is $2"
}

# --- one user

# user_shell: what is wanted and there.
user_shell_path() {
  for user_path in "$user_shell" /bin/bash /bin/sh; do
    if [ -n "$user_path" ] && { [ -e "$root$user_path" ] || [ -L "$root$user_path" ]; }; then
      echo "$user_path"
      return 0
    fi
  done
  echo /bin/sh
}

# make_home: from the image's own beginnings. One that is there keeps what it has.
make_home() {
  if [ ! -d "$root$home" ]; then
    mkdir -p "$root${home%/*}"
    if [ -d "$root/etc/skel" ]; then cp -R -P "$root/etc/skel" "$root$home"; else mkdir "$root$home"; fi
    chown -R -h "$user_id:$group_id" "$root$home"
    chmod 700 "$root$home"
  fi
  chown "$user_id:$group_id" "$root$home"
}

# make_user: with a group of its own. No password fits `*`, and sshd lets its keys in where it asks no PAM, too.
make_user() {
  user_id=$(free_number passwd "$user_first") || return 1
  group_id=$(group_number "$user_name")
  if [ -z "$group_id" ]; then
    group_id=$user_id
    [ "$(free_number group "$user_id")" = "$user_id" ] || group_id=$(free_number group "$user_first") || return 1
    table_line group "$user_name" "x:$group_id:"
  fi
  table_line gshadow "$user_name" '!::'
  home=/home/$user_name
  user_field='*'
  if [ -f "$root/etc/shadow" ]; then
    user_field=x
    table_line shadow "$user_name" '*::0:99999:7:::'
  fi
  # Last, so that a user who is there is whole.
  [ -n "$first_boot_failed" ] || table_line passwd "$user_name" "$user_field:$user_id:$group_id::$home:$(user_shell_path)"
  [ -z "$first_boot_failed" ] && make_home
}

# set_password HASH
set_password() {
  if [ -f "$root/etc/shadow" ] && in_table shadow "$user_name"; then
    set_field shadow "$user_name" 2 "$1"
    set_field passwd "$user_name" 2 x
  else
    set_field passwd "$user_name" 2 "$1"
  fi
}

# put_keys FILE: added to those that are there, and noted, to be taken back one day.
put_keys() {
  [ -s "$1" ] && [ -n "$home" ] || return 0
  user_folder=$root$home/.ssh
  # A link would lead the keys elsewhere.
  for user_path in "$user_folder" "$user_folder/authorized_keys"; do
    if [ -L "$user_path" ]; then rm -f "$user_path"; fi
  done
  mkdir -p "$user_folder"
  [ ! -s "$user_folder/authorized_keys" ] || [ -z "$(tail -c 1 "$user_folder/authorized_keys")" ] || echo >>"$user_folder/authorized_keys"
  while IFS= read -r user_line; do
    if grep -qsxF -- "$user_line" "$user_folder/authorized_keys"; then continue; fi
    printf '%s\n' "$user_line" >>"$user_folder/authorized_keys"
    printf '%s\n' "$user_line" >>"$root/$first_boot_notes/keys/$user_name"
  done <"$1"
  chmod 700 "$user_folder"
  chmod 600 "$user_folder/authorized_keys"
  chown "$user_id:$group_id" "$user_folder" "$user_folder/authorized_keys"
}

# take_keys_back: those that settings of before brought.
take_keys_back() {
  for user_path in "$root/$first_boot_notes/keys"/*; do
    [ -f "$user_path" ] || continue
    if home_of "${user_path##*/}" && [ -f "$root$home/.ssh/authorized_keys" ] && [ ! -L "$root$home/.ssh/authorized_keys" ]; then
      grep -vxF -f "$user_path" "$root$home/.ssh/authorized_keys" >"$run/keys"
      first_boot_replace "$root$home/.ssh/authorized_keys" "$run/keys"
    fi
    rm -f "$user_path"
  done
}

# --- all of them

# begin_user NAME
begin_user() {
  user_name=$1
  user_password=''
  user_sudo=''
  user_shell=''
  user_groups=''
  user_takes_over=''
  : >"$run/first-boot/keys"
}

# end_user: what the lines of one user said is done.
end_user() {
  [ -n "$user_name" ] || return 0
  user_had=''
  if [ -n "$user_takes_over" ] && ! in_table passwd "$user_name" && sole_user; then
    rename_user "$user_old" "$user_name"
    # Not the vendor's password of old.
    set_password '*'
  fi
  if home_of "$user_name"; then
    user_had=yes
  elif ! make_user; then
    [ -n "$first_boot_failed" ] || first_boot_tell "no number is free for the user $user_name"
    return 0
  else
    [ -z "$user_takes_over" ] || user_groups="$user_groups $user_first_groups"
  fi
  if [ -n "$user_password" ]; then set_password "$user_password"; fi
  if [ -n "$user_shell" ]; then
    if [ -n "$user_had" ]; then set_field passwd "$user_name" 7 "$(user_shell_path)"; fi
    [ "$(user_shell_path)" = "$user_shell" ] || first_boot_tell "no $user_shell in this image"
  fi
  join_groups
  if [ -n "$user_sudo" ]; then printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$user_name" >>"$run/first-boot/sudoers"; fi
  put_keys "$run/first-boot/keys"
  first_boot_tell "user $user_name"
}

join_groups() {
  for user_group in $user_groups; do
    if in_table group "$user_group"; then
      add_member "$user_group" "$user_name"
    else
      case " $user_first_groups " in *" $user_group "*) ;; *) first_boot_tell "no group $user_group in this image" ;; esac
    fi
  done
}

# give_sudo: one file for all of them, so that who is not named any more has it no longer.
give_sudo() {
  rm -f "$root/$first_boot_sudoers"
  [ -s "$run/first-boot/sudoers" ] || return 0
  if ! has_program sudo; then
    first_boot_tell 'no sudo in this image'
    return 0
  fi
  first_boot_put "$root/$first_boot_sudoers" 440 <"$run/first-boot/sudoers"
}

# first_user: sets user_name, and what home_of does, to the one with the number 1000.
first_user() {
  user_name=$(FIRST=$user_first awk -F: '$3 == ENVIRON["FIRST"] { print $1; exit }' "$root/etc/passwd")
  is_account "$user_name" && home_of "$user_name"
}

apply_users() {
  take_keys_back
  mkdir -p "$root/$first_boot_notes/keys"
  chmod 700 "$root/$first_boot_notes"
  : >"$run/first-boot/sudoers"
  : >"$run/first-boot/first-keys"
  user_name=''
  while IFS= read -r user_line || [ -n "$user_line" ]; do
    user_value=${user_line#*=}
    case ${user_line%%=*} in
      user)
        end_user
        begin_user "$user_value"
        ;;
      take-over) user_takes_over=yes ;;
      password) user_password=$user_value ;;
      sudo) user_sudo=yes ;;
      shell) user_shell=$user_value ;;
      group) user_groups="$user_groups $user_value" ;;
      key) printf '%s\n' "$user_value" >>"$run/first-boot/keys" ;;
      first-key) printf '%s\n' "$user_value" >>"$run/first-boot/first-keys" ;;
    esac
  done <"$run/first-boot/settings"
  end_user
  give_sudo
  [ -s "$run/first-boot/first-keys" ] || return 0
  if first_user; then
    put_keys "$run/first-boot/first-keys"
  else
    first_boot_tell 'no first user in this image for the keys'
  fi
}
