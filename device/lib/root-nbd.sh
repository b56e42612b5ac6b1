# shellcheck shell=sh
# Root mode nbd: a disk of the board's own over the whole image, read and written over the network. What such a file defines is written
# in root-ram.sh.
# Read by prepare, in the running root's place.
# shellcheck disable=SC2034
root_needs_network=yes
# shellcheck disable=SC2034
root_has_disks=yes

root_fetch() {
  nbd_root
}

# A disk of the board's own is checked and replayed as a card's would be: by mounting, and by the image's own fsck at its start.
root_mount() {
  mkdir -p "$1"
  mount -t "$nbd_fs" -o rw,noatime "$root_device" "$1" || fail "$(nbd_mount_failure)"
}
