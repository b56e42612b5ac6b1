# shellcheck shell=sh
# Root mode nfs: a directory of the board's own, mounted over the network. What such a file defines is written in root-ram.sh.
# Read by prepare, in the running root's place.
# shellcheck disable=SC2034
root_needs_network=yes
# shellcheck disable=SC2034
root_has_disks=no

# What only such a root needs lies beside what every boot loads.
root_fetch() {
  begin attach "$http_address:$nfs_path"
  load_modules "/lib/nfs/$(uname -r)" || true
  [ -z "$modules_refused" ] || report modules info "refused by the kernel:$modules_refused"
  nfs_missing=$(needs_file_systems nfs)
  [ -z "$nfs_missing" ] || fail "kernel $(uname -r) cannot mount: $nfs_missing"
  finish
}

# nfs_options VERSION: of mount(2), see nfs(5). Locks stay on the board, as nobody else has the directory. `hard`, the default: what a server that is away
# was asked for is waited for. `timeo` in tenths of a second: a connection from an address that the board has no longer is given up after three of them.
nfs_options() {
  nfs_common="proto=tcp,port=$nfs_port,addr=$http_address,rsize=1048576,wsize=1048576,timeo=150,retrans=2,noatime"
  case $1 in
    3)
      nfs_side=''
      [ "$nfs_mount_port" = 0 ] || nfs_side=",mountport=$nfs_mount_port"
      echo "vers=3,nolock,mountproto=tcp,mountaddr=$http_address$nfs_side,$nfs_common"
      ;;
    4) echo "vers=4.2,clientaddr=$address,local_lock=all,$nfs_common" ;;
  esac
}

# nfs_mount DIRECTORY: by one of the versions that the server speaks. Sets nfs_version.
nfs_mount() {
  nfs_wanted=$(kernel_parameter drover.nfs) || nfs_wanted=''
  for nfs_version in $(echo "${nfs_wanted:-$nfs_versions}" | tr , ' '); do
    if mount -t nfs -o "$(nfs_options "$nfs_version")" "$http_address:$nfs_path" "$1" 2>"$run/nfs.log"; then return 0; fi
  done
  return 1
}

root_mount() {
  mkdir -p "$1"
  uptime_now
  nfs_until=$((now_seconds + patience))
  nfs_attempt=0
  until nfs_mount "$1"; do
    uptime_now
    [ "$now_seconds" -lt "$nfs_until" ] ||
      fail "$http_address:$nfs_path cannot be mounted: $(tail -n 1 "$run/nfs.log"). Is port $nfs_port of the server reachable from here?"
    nfs_attempt=$((nfs_attempt + 1))
    sleep "$(back_off "$nfs_attempt" 8)"
  done
  report mount info "$http_address:$nfs_path by version $nfs_version"
}
