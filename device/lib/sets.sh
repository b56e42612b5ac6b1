# shellcheck shell=sh
# The two sets of boot files on the FAT partition, drover/a and drover/b, and which of them the firmware takes. It reads
# drover/boot.txt, which config.txt includes: one sector, overwritten in place, so that a power cut leaves the old one or the new.
# Where the firmware knows `tryboot`, drover/try.txt is read for one boot only. See docs/decisions/0012-self-updating-cards.md.
# Uses $run, $card_device and card-store.sh; the FAT partition is open where a function says so.

sets_sector=512

# sets_find: finds the set that runs, by the id on its command line. Sets set_boot (64 hex digits), set_running (a, b, or nothing) and
# set_other. Opens the card by itself.
sets_find() {
  set_running=''
  set_other=a
  set_boot=$(kernel_parameter drover.boot) || set_boot=''
  if ! is_hex 64 "$set_boot"; then
    set_boot=''
    return 0
  fi
  card_open ro || return 1
  for set_name in a b; do
    if grep -qsw "drover.boot=$set_boot" "$run/card/drover/$set_name/cmdline.txt"; then set_running=$set_name; fi
  done
  card_close
  if [ "$set_running" = a ]; then set_other=b; fi
}

# set_of BOOT: which of them holds the set with that id, whole. The card is open.
set_of() {
  for set_name in a b; do
    if grep -qsw "drover.boot=$1" "$run/card/drover/$set_name/cmdline.txt"; then
      set_whole "$set_name" && echo "$set_name"
      return
    fi
  done
  return 1
}

# forget_reads: what is read from now on comes from the card.
forget_reads() {
  echo 3 >/proc/sys/vm/drop_caches
}

# set_whole a|b: whether each file is as it was packed, read from the card and not from memory.
set_whole() {
  forget_reads
  (cd "$run/card/drover/$1" && sha256sum -c -s SHA256SUMS) 2>/dev/null
}

# set_point FILE a|b: one sector in place, on the card when it returns; read back. Fails with the reason in set_why. The card is open for
# writing.
set_point() {
  set_why=$(sh "$lib/pointer" "$run/card/drover/$1" "$2" 2>&1)
}

# set_pointed: a or b, as boot.txt says. The card is open.
set_pointed() {
  sh "$lib/pointer" "$run/card/drover/boot.txt" 2>/dev/null
}

# set_unpack ARCHIVE a|b BYTES: an archive with the right digest becomes that set. Fails with the reason in set_why. The card is open
# for writing.
set_unpack() {
  set_folder=$run/card/drover/$2
  # Its list of digests goes first: what is left of it is never taken for whole.
  rm -f "$set_folder/SHA256SUMS"
  sync
  rm -rf "$set_folder"
  sync
  set_free=$(df -k "$run/card" | awk 'END { print $4 }')
  if [ "$((set_free * 1024))" -lt "$(($3 + 1048576))" ]; then
    set_why="no room on the FAT partition: the boot files take $(megabytes "$3"), $(megabytes $((set_free * 1024))) are free"
    return 1
  fi
  mkdir -p "$set_folder"
  if ! tar -x -o -f "$1" -C "$set_folder" 2>"$run/tar.log"; then
    set_why="the boot files cannot be unpacked: $(tail -n 1 "$run/tar.log")"
    return 1
  fi
  sync
  dd if=/dev/null of="$set_folder/SHA256SUMS" conv=notrunc,fsync 2>/dev/null
  if ! set_whole "$2"; then
    set_why='the card does not give back what was written to it: it is worn out, or no card at all'
    return 1
  fi
}

# has_tryboot: whether the firmware takes tryboot.txt once when it is asked to (Raspberry Pi documentation, config.txt, tryboot).
has_tryboot() {
  case $(kernel_parameter drover.tryboot) in
    yes) return 0 ;;
    no) return 1 ;;
  esac
  [ -e /proc/device-tree/chosen/bootloader/tryboot ] && [ -e /dev/vcio ]
}
