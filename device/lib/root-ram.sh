# shellcheck shell=sh
# Root mode ram: the whole root as a squashfs in memory, checked, with a tmpfs on top. What a root-<mode>.sh defines:
#   root_needs_network   yes when the running root dies with its network
#   root_has_disks       yes when the image's own partitions are there for its fstab
#   root_fetch           the steps before mount: download and verify, or attach
#   root_mount DIRECTORY step mount: a writable root there
# Read by prepare, in the running root's place.
# shellcheck disable=SC2034
root_needs_network=no
# shellcheck disable=SC2034
root_has_disks=no

# Memory that the system itself needs besides its root.
ram_reserve=$((48 * 1024 * 1024))
ram_store=/drover/image
ram_image=$ram_store/root.squashfs

# memory_available: bytes.
memory_available() {
  ram_kilobytes=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' "${meminfo_file:-/proc/meminfo}")
  echo $((${ram_kilobytes:-0} * 1024))
}

# ram_fits SIZE: prints why not.
ram_fits() {
  ram_free=$(memory_available)
  [ $(($1 + ram_reserve)) -gt "$ram_free" ] || return 0
  echo "not enough memory for the root: it takes $(megabytes "$1") and the system $(megabytes "$ram_reserve")," \
    "$(megabytes "$ram_free") are free. Use root mode stream or nbd, or a smaller image."
  return 1
}

# ram_download: until all bytes are there.
ram_download() {
  fetch "/device/v1/sessions/$session/root" "$ram_image" "$root_size" || fail "$fetch_why"
}

root_fetch() {
  begin download "$(megabytes "$root_size")"
  ram_short=$(ram_fits "$root_size") || fail "$ram_short"
  mkdir -p "$ram_store"
  # A little more than its size: no half of memory as by default.
  mount -t tmpfs -o "size=$((root_size + 1048576)),mode=700" drover-image "$ram_store" || fail 'no tmpfs for the root'
  uptime_now
  ram_started=$now_seconds
  ram_download
  uptime_now
  finish "$(megabytes "$root_size") in $((now_seconds - ram_started)) s"
  begin verify
  if ! has_digest "$root_sha256" "$ram_image"; then
    report verify info "the bytes are not those promised (sha256 $fetch_digest): downloading once more"
    rm -f "$ram_image"
    ram_download
    has_digest "$root_sha256" "$ram_image" || fail "the root's sha256 is $fetch_digest, not $root_sha256, twice"
  fi
  finish
}

root_mount() {
  mount_squashfs "$ram_image" || fail "$(squashfs_failure)"
  overlay_root "$1"
}
