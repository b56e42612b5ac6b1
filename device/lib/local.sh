# shellcheck shell=sh
# A root on a disk of the board: what `root=` names, without a server. Uses $newroot, $sys and $patience.

# partition_uuid DEVICE: PARTUUID of a partition of a disk with a DOS table, as the kernel says it: signature and number. Takes the name below /dev.
partition_uuid() {
  local_folder=$(readlink -f "$sys/class/block/$1")
  local_number=$(cat "$local_folder/partition" 2>/dev/null) || return 1
  local_disk=${local_folder%/*}
  # Four bytes before the table, the lowest first (UEFI 2.10, 5.2.1).
  # Words are what we want here.
  # shellcheck disable=SC2046
  set -- $(od -An -v -tx1 -j 440 -N 4 "/dev/${local_disk##*/}" 2>/dev/null)
  [ $# -eq 4 ] || return 1
  printf '%s%s%s%s-%02x\n' "$4" "$3" "$2" "$1" "$local_number"
}

# find_partition UUID: the path of its device.
find_partition() {
  for local_block in "$sys"/class/block/*; do
    local_name=${local_block##*/}
    [ -e "$local_block/partition" ] || continue
    if [ "$(partition_uuid "$local_name")" = "$1" ]; then
      echo "/dev/$local_name"
      return 0
    fi
  done
  return 1
}

# find_root SPEC: the device of what `root=` says, as soon as it is there.
find_root() {
  case $1 in
    PARTUUID=*) find_partition "$(echo "${1#PARTUUID=}" | tr A-F a-f)" ;;
    UUID=* | LABEL=*) findfs "$1" 2>/dev/null ;;
    /dev/*) [ -b "$1" ] && echo "$1" ;;
    *) return 1 ;;
  esac
}

# wait_for_root SPEC: cards and disks on USB appear seconds after their drivers.
wait_for_root() {
  uptime_now
  local_until=$((now_seconds + patience))
  until root_device=$(find_root "$1"); do
    uptime_now
    [ "$now_seconds" -lt "$local_until" ] || return 1
    sleep 0.2
  done
}

# For who reads the console of a card that names no server.
local_remedy='To boot from a server, write a file drover/card.conf onto the FAT partition, with the line server=http://ADDRESS:PORT'

# boot_locally WORDS...: the words are the init's. Drivers are loaded.
boot_locally() {
  local_root=$(kernel_parameter root) || fail "nothing says what to boot. $local_remedy"
  patience=60
  begin root "$local_root"
  wait_for_root "$local_root" || fail "there is no $local_root; the kernel has: $(cd "$sys/class/block" && echo *). $local_remedy"
  local_type=$(kernel_parameter rootfstype) || local_type=ext4
  local_access=rw
  if has_parameter ro; then local_access=ro; fi
  mount -t "$local_type" -o "$local_access" "$root_device" "$newroot" || fail "$root_device cannot be mounted as $local_type"
  finish "$root_device"
  for place in proc sys dev run; do
    mkdir -p "$newroot/$place"
    mount -o move "/$place" "$newroot/$place" || fail "cannot move /$place to the root"
  done
  init=$(kernel_parameter init) || init=/sbin/init
  trap - EXIT
  exec switch_root "$newroot" "$init" "$@"
}
