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
# A transfer that brings nothing for so many seconds is dead.
ram_stall=30
# Attempts in a row that bring nothing before it is given up.
ram_attempts=8
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

ram_size() {
  ram_now=0
  [ ! -e "$ram_image" ] || ram_now=$(wc -c <"$ram_image")
}

# ram_transfer: one connection, watched until it ends or goes dead. Reports how far it is.
ram_transfer() {
  ram_size
  http_download download "/device/v1/sessions/$session/root" "$ram_image" "$ram_now" &
  ram_pid=$!
  ram_last=$ram_now
  uptime_now
  ram_moved_at=$now_seconds
  while kill -0 "$ram_pid" 2>/dev/null; do
    sleep 0.5
    ram_size
    uptime_now
    ram_at=$now_seconds
    if [ "$ram_now" -ne "$ram_last" ]; then
      ram_last=$ram_now
      ram_moved_at=$ram_at
    elif [ $((ram_at - ram_moved_at)) -ge "$ram_stall" ]; then
      kill "$ram_pid" 2>/dev/null
    fi
    if [ "$ram_at" -ge "$ram_report_at" ] && [ "$ram_now" -lt "$root_size" ]; then
      report download progress "$((ram_now * 100 / root_size)) %, $(megabytes "$ram_now") of $(megabytes "$root_size")"
      uptime_now
      ram_report_at=$((now_seconds + 3))
    fi
  done
  wait "$ram_pid"
  ram_size
}

# ram_download: until all bytes are there. What came is kept when a connection breaks.
ram_download() {
  ram_attempt=0
  uptime_now
  ram_report_at=$((now_seconds + 2))
  ram_size
  while [ "$ram_now" -ne "$root_size" ]; do
    ram_before=$ram_now
    ram_transfer
    [ "$ram_now" -ne "$root_size" ] || break
    http_read_answer download
    case $http_status in
      401 | 403 | 404 | 410) fail "the server refuses the root: $(http_reason download)" ;;
    esac
    [ "$ram_now" -lt "$root_size" ] || rm -f "$ram_image"
    if [ "$ram_now" -gt "$ram_before" ]; then ram_attempt=0; else ram_attempt=$((ram_attempt + 1)); fi
    [ "$ram_attempt" -lt "$ram_attempts" ] || fail "the download stands at $ram_now of $root_size bytes: $(http_reason download)"
    report download info "interrupted at $(megabytes "$ram_now") of $(megabytes "$root_size"), going on"
    sleep "$(back_off "$ram_attempt" 16)"
    ram_size
  done
}

# ram_verify: whether the bytes are the right ones.
ram_verify() {
  ram_digest=$(sha256sum <"$ram_image")
  [ "${ram_digest%% *}" = "$root_sha256" ]
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
  if ! ram_verify; then
    report verify info "the bytes are not those promised (sha256 ${ram_digest%% *}): downloading once more"
    rm -f "$ram_image"
    ram_download
    ram_verify || fail "the root's sha256 is ${ram_digest%% *}, not $root_sha256, twice"
  fi
  finish
}

# ram_mount_failure: what the kernel said, with the remedy where it is known.
ram_mount_failure() {
  ram_kernel_said=$(dmesg | grep -i squashfs | tail -n 2 | sed 's/^\[[^]]*\] *//' | tr '\n' ' ')
  case $ram_kernel_said in
    *compression*'not supported'* | *'nsupported'*compress*)
      echo "the image's kernel $(uname -r) does not know this compression: pack the root with gzip or xz ($ram_kernel_said)"
      ;;
    *) echo "the root cannot be mounted: ${ram_kernel_said:-the kernel does not say why}" ;;
  esac
}

root_mount() {
  mkdir -p /drover/lower
  mount -t squashfs -o ro,loop "$ram_image" /drover/lower || fail "$(ram_mount_failure)"
  overlay_root "$1"
}
