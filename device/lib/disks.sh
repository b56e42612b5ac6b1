# shellcheck shell=sh
# Data disks of a board that is up: what the server lists is attached and linked as /dev/disk/by-id/drover-NAME, what it wants back is
# let go. Uses $run (a folder of its own with `has`, `names` and `queue`), $state, $lib, $sys, $dev, $session, http.sh and files.sh.
# has/ID holds `INDEX PID`: the device's number and the process that keeps it attached. names/nbdINDEX holds the disk's name.

disks_most=15

# disks_follow: as long as the runtime is there. The server holds each question until it has news, or wants to know whether the board is there:
# one that it does not hear of for some seconds then is taken for switched off, and somebody else for the board.
disks_follow() {
  disks_known=''
  disks_busy=''
  disks_failures=0
  while [ -e "$state" ]; do
    if http GET "/device/v1/sessions/$session/disks?known=$disks_known&has=$(disks_had)&busy=$disks_busy"; then
      disks_applied=''
      if disks_apply "$run/http.body"; then disks_applied=yes; fi
      files_follow "$run/list"
      if [ -n "$disks_applied" ]; then
        disks_failures=0
        continue
      fi
      # Something is missing yet: the whole list again, soon, and later on after as long as the server holds the question.
      [ "$disks_failures" -ge 5 ] || disks_known=''
      sleep "$(back_off "$disks_failures" 2)"
      disks_failures=$((disks_failures + 1))
      continue
    fi
    case $http_status in
      # This boot is over, or the server lost its memory of it.
      4??) disks_failures=5 ;;
    esac
    sleep "$(back_off "$disks_failures" 32)"
    disks_failures=$((disks_failures + 1))
  done
}

# disks_had: ids of what is attached, with commas.
disks_had() {
  for had_path in "$run"/has/*; do
    [ -e "$had_path" ] || continue
    printf '%s,' "${had_path##*/}"
  done
}

# disks_apply FILE: makes it so. Fails when something that should be attached is not.
disks_apply() {
  disks_busy=''
  cp "$1" "$run/list"
  disks_known=$(value_of version "$run/list") || return 1
  disks_port=$(value_of port "$run/list") || return 1
  is_number "$disks_port" || return 1
  disks_secret=$(value_of secret "$run/list") || disks_secret=''
  disks_failed=''
  disks_unread=''
  disks_listed=' '
  while IFS= read -r disks_line; do
    case $disks_line in
      disk=*)
        if disk_parse "${disks_line#disk=}"; then disk_apply || disks_failed=yes; else disks_unread=yes; fi
        ;;
    esac
  done <"$run/list"
  # What cannot be read may name any of them.
  [ -z "$disks_unread" ] || return 1
  disks_drop_unlisted
  [ -z "$disks_failed" ]
}

# disk_parse ID:NAME:ACCESS:STATE:EXPORT: sets disk_id, disk_name, disk_state and disk_export.
disk_parse() {
  is_plain "$1" || return 1
  disks_ifs=$IFS
  IFS=:
  # Its fields are the words.
  # shellcheck disable=SC2086
  set -- $1
  IFS=$disks_ifs
  [ $# -eq 5 ] || return 1
  case $1 in '' | *[!0-9A-Za-z_]*) return 1 ;; esac
  case $2 in '' | *[!0-9a-z-]*) return 1 ;; esac
  disk_id=$1
  disk_name=$2
  disk_state=$4
  disk_export=$5
}

# disk_apply: the disk that was parsed.
disk_apply() {
  disks_listed="$disks_listed$disk_id "
  disk_forget_lost "$disk_id"
  case $disk_state in
    leave) disk_leave "$disk_id" ;;
    *) disk_keep "$disk_id" "$disk_name" "$disk_export" ;;
  esac
}

# disk_read ID: sets disk_index and disk_pid; fails when it is not attached.
disk_read() {
  [ -s "$run/has/$1" ] && read -r disk_index disk_pid <"$run/has/$1"
}

# disk_forget_lost ID: somebody else may have disconnected it.
disk_forget_lost() {
  disk_read "$1" || return 0
  [ -e "$sys/block/nbd$disk_index/pid" ] || disk_forget "$1"
}

# disk_forget ID: whose device is gone.
disk_forget() {
  kill "$disk_pid" 2>/dev/null
  disk_unlink "$disk_index"
  rm -f "$run/has/$1"
}

# disk_keep ID NAME EXPORT
disk_keep() {
  if disk_read "$1"; then
    [ "$(cat "$run/names/nbd$disk_index")" = "$2" ] || disk_rename "$2"
    return 0
  fi
  disk_index=$(disk_free_index) || { disk_complain "$1" 'all block devices are taken' && return 1; }
  # Before there is a device: udev asks for the name as soon as there is one.
  echo "$2" >"$run/names/nbd$disk_index"
  if ! nbd_start "$disk_index" "$disks_port" "$3" "$disks_secret"; then
    rm -f "$run/names/nbd$disk_index"
    disk_complain "$1" "$2 cannot be attached: $nbd_why"
    return 1
  fi
  echo "$disk_index $nbd_pid" >"$run/has/$1"
  disk_link "$disk_index"
}

# disk_rename NAME: of the disk that was read.
disk_rename() {
  disk_unlink "$disk_index"
  echo "$1" >"$run/names/nbd$disk_index"
  disk_link "$disk_index"
}

# disk_free_index: 0 is the root's.
disk_free_index() {
  free_index=1
  while [ "$free_index" -le "$disks_most" ]; do
    if [ ! -e "$sys/block/nbd$free_index/pid" ] && [ ! -e "$run/names/nbd$free_index" ]; then
      echo "$free_index"
      return 0
    fi
    free_index=$((free_index + 1))
  done
  return 1
}

# disk_link INDEX: its links, and those of its partitions. Where there is udev it makes the same ones, and systemd hears of them.
disk_link() {
  link_name=drover-$(cat "$run/names/nbd$1")
  mkdir -p "$dev/disk/by-id"
  ln -sfn "../../nbd$1" "$dev/disk/by-id/$link_name"
  # The kernel looks for partitions when somebody opens the disk.
  : <"$dev/nbd$1"
  for link_path in "$sys/block/nbd$1/nbd$1"p*; do
    [ -e "$link_path" ] || continue
    link_part=${link_path##*/}
    ln -sfn "../../$link_part" "$dev/disk/by-id/$link_name-part${link_part#"nbd$1p"}"
  done
  echo change >"$sys/block/nbd$1/uevent"
}

# disk_unlink INDEX
disk_unlink() {
  for unlink_path in "$dev"/disk/by-id/drover-*; do
    case $(readlink "$unlink_path") in
      "../../nbd$1" | "../../nbd$1p"*) rm -f "$unlink_path" ;;
    esac
  done
  rm -f "$run/names/nbd$1"
}

# disk_leave ID: unless it is in use.
disk_leave() {
  disk_read "$1" || return 0
  if perl_run nbd-attach --detach "$disk_index" "$disk_pid" 2>"$run/leave.log"; then
    disk_forget "$1"
    return 0
  fi
  disks_busy="$disks_busy$1,"
}

# disks_drop_unlisted: what was taken away by force is of no use any more, whoever has it open.
disks_drop_unlisted() {
  for drop_path in "$run"/has/*; do
    drop_id=${drop_path##*/}
    if [ ! -e "$drop_path" ] || ! disk_read "$drop_id"; then continue; fi
    case $disks_listed in *" $drop_id "*) continue ;; esac
    perl_run nbd-attach --drop "$disk_index" "$disk_pid" 2>>"$run/leave.log"
    disk_forget "$drop_id"
  done
}

# disk_complain ID WHY: on the timeline, once.
disk_complain() {
  [ "${disk_complaint-}" != "$1 $2" ] || return 0
  disk_complaint="$1 $2"
  report disk info "$2"
}

# disks_tell_udev HERE: names of disks are udev's to link, where there is one; HERE is where the runtime is.
disks_tell_udev() {
  [ -d /run/udev ] || [ -d /run/systemd/system ] || return 0
  mkdir -p /run/udev/rules.d
  cat >/run/udev/rules.d/61-drover.rules <<RULES
ACTION=="remove", GOTO="drover_end"
SUBSYSTEM!="block", GOTO="drover_end"
KERNEL!="nbd*", GOTO="drover_end"
ENV{DEVTYPE}=="disk", PROGRAM="$1/bin/cat $run/names/%k", SYMLINK+="disk/by-id/drover-%c"
ENV{DEVTYPE}=="partition", PROGRAM="$1/bin/cat $run/names/%P", SYMLINK+="disk/by-id/drover-%c-part%n"
LABEL="drover_end"
RULES
  udevadm control --reload >/dev/null 2>&1 || :
}
