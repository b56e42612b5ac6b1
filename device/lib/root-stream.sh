# shellcheck shell=sh
# Root mode stream: the image's root read over the network as it is needed, shared by all boards and never written; a tmpfs on top.
# What such a file defines is written in root-ram.sh.
# Read by prepare, in the running root's place.
# shellcheck disable=SC2034
root_needs_network=yes
# shellcheck disable=SC2034
root_has_disks=no

root_fetch() {
  nbd_root
}

root_mount() {
  mkdir -p /drover/lower
  case $nbd_fs in
    # A journal that was not replayed cannot be here either: nothing is written.
    ext?) stream_options=ro,noload ;;
    *) stream_options=ro ;;
  esac
  mount -t "$nbd_fs" -o "$stream_options" "$root_device" /drover/lower || fail "$(nbd_mount_failure)"
  overlay_root "$1"
}
