# shellcheck shell=sh
# The place on a card where a board keeps what it fetched: an ext4 partition of ours behind the FAT one, made when it is missing, or
# else a folder on the FAT partition. Uses $run, $lib, $sys, $card_device (the FAT partition).
# Sets card_data (the folder) and store_kind (partition, folder).

store_label=drover-data
store_kind=''

# store_program NAME WORDS...: a program that only cards have, with its own libraries.
store_program() {
  store_name=$1
  shift
  "$lib/perl/ld.so" --library-path "$lib/card:$lib/perl" "$lib/card/$store_name" "$@"
}

# card_open ro|rw: the FAT partition, on $run/card; it stays there where it is the store as well, and can be written to until store_rest.
card_open() {
  # busybox looks for what it mounts again by its whole name, without links.
  card_at=$(readlink -f "$run/card")
  if grep -qs " $card_at " /proc/mounts; then
    [ "$1" = ro ] || mount -o remount,rw "$card_at"
  else
    mount -t vfat -o "$1,umask=077" "$card_device" "$run/card"
  fi
}

# card_close: what was written is on the card then.
card_close() {
  sync
  [ "$store_kind" = folder ] || umount "$run/card"
}

# store_rest: a FAT partition that is the store is written to when there is something to write, and at no other time.
store_rest() {
  [ "$store_kind" = folder ] || return 0
  sync
  mount -o remount,ro "$(readlink -f "$run/card")"
}

# store_disk: the disk that the card is.
store_disk() {
  store_folder=$(readlink -f "$sys/class/block/${card_device#/dev/}")
  echo "/dev/$(basename "${store_folder%/*}")"
}

# store_close: nothing of the card is in use then.
store_close() {
  sync
  if [ "$store_kind" = folder ]; then umount "$run/card"; else umount "$card_data"; fi
}

# store_partition: the device of our partition, on the disk of the FAT one.
store_partition() {
  store_folder=$(readlink -f "$sys/class/block/${card_device#/dev/}")
  [ -e "$store_folder/partition" ] || return 1
  for store_path in "${store_folder%/*}"/*/partition; do
    store_node=/dev/$(basename "${store_path%/partition}")
    # ext2 superblock at 1024: magic at 56, volume name at 120 (linux/fs/ext4/ext4.h).
    [ "$(dd if="$store_node" bs=1 skip=1144 count="${#store_label}" 2>/dev/null)" = "$store_label" ] || continue
    echo "$store_node"
    return 0
  done
  return 1
}

# store_mount DEVICE: after a power cut its journal is replayed by the kernel; what else is wrong is mended first, or the
# partition is made anew: everything on it can be fetched again.
store_mount() {
  card-e2fsck -p "$1" >"$run/e2fsck.log" 2>&1
  [ $? -lt 4 ] || return 1
  mkdir -p "$run/data"
  mount -t ext4 -o noatime,nodev,nosuid,errors=remount-ro "$1" "$run/data"
}

# store_make DEVICE: the file system anew.
store_make() {
  card-mke2fs -q -F -t ext4 -L "$store_label" -m 0 -E nodiscard "$1" >"$run/mke2fs.log" 2>&1
}

# store_links: programs of the card part as /bin/card-NAME: busybox would take its own before any other of their names.
store_links() {
  for store_link in mke2fs e2fsck; do
    [ ! -e "/bin/card-$store_link" ] || continue
    cat >"/bin/card-$store_link" <<PROGRAM
#!/bin/sh
export MKE2FS_CONFIG="\${MKE2FS_CONFIG:-$lib/card/mke2fs.conf}"
exec $lib/perl/ld.so --library-path $lib/card:$lib/perl $lib/card/$store_link "\$@"
PROGRAM
    chmod 755 "/bin/card-$store_link"
  done
}

# store_in_partition: fails with the reason in store_why.
store_in_partition() {
  store_links
  if ! store_device=$(store_partition); then
    MKE2FS=/bin/card-mke2fs sh "$lib/card-partition" "$(store_disk)" 64 ${card_layout:+beside} >"$run/card-partition.log" 2>&1 || {
      store_why=$(tail -n 1 "$run/card-partition.log")
      return 1
    }
    store_device=$(store_partition) || {
      store_why='the kernel does not show the new partition'
      return 1
    }
  fi
  store_mount "$store_device" && return 0
  report card info "$store_device is damaged and made anew: $(tail -n 1 "$run/e2fsck.log")"
  store_make "$store_device" && store_mount "$store_device" && return 0
  store_why="$store_device cannot be mounted"
  return 1
}

# store_open: fails where the card takes nothing at all.
store_open() {
  store_kind=partition
  card_data=$run/data
  if ! store_in_partition; then
    report card info "no partition for what the board keeps ($store_why): a folder on the FAT partition is used"
    store_kind=folder
    card_data=$run/card/drover/cache
    card_open rw || return 1
  fi
  mkdir -p "$card_data/roots" && records_open
}
