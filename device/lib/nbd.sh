# shellcheck shell=sh
# Network block devices: an export of the server as /dev/nbdN. Uses $run, $lib, $http_address and $patience.

# perl_run SCRIPT WORDS...: the runtime's own Perl with its own loader and libraries, whatever the root has.
perl_run() {
  perl_home=$lib/perl
  perl_script=$1
  shift
  "$perl_home/ld.so" --library-path "$perl_home" "$perl_home/perl" "-I$perl_home" "$lib/$perl_script" "$@"
}

# nbd_start INDEX PORT EXPORT SECRET: one attempt. What keeps the device attached stays behind. Sets nbd_size (bytes),
# nbd_access (ro, rw) and nbd_pid (who keeps it attached), or nbd_code and nbd_why.
nbd_start() {
  nbd_said=$run/nbd$1
  rm -f "$nbd_said.out" "$nbd_said.end"
  {
    perl_run nbd-attach "$1" "$http_address" "$2" "$3" "$4" >"$nbd_said.out" 2>"$nbd_said.log"
    echo "$?" >"$nbd_said.end"
  } </dev/null &
  while [ ! -s "$nbd_said.out" ] && [ ! -s "$nbd_said.end" ]; do sleep 0.1; done
  if [ -s "$nbd_said.out" ]; then
    # nbd_pid is for data disks: nobody detaches a root.
    # shellcheck disable=SC2034
    read -r _ nbd_size nbd_access nbd_pid <"$nbd_said.out"
    return 0
  fi
  nbd_code=$(cat "$nbd_said.end")
  nbd_why=$(head -n 1 "$nbd_said.log")
  return 1
}

# nbd_attach INDEX PORT EXPORT SECRET: until the device is there, the server refuses, or $patience is over.
nbd_attach() {
  uptime_now
  nbd_until=$((now_seconds + patience))
  nbd_attempt=0
  until nbd_start "$@"; do
    # 3: the server knows us and says no.
    [ "$nbd_code" -ne 3 ] || return 1
    uptime_now
    [ "$now_seconds" -lt "$nbd_until" ] || return 1
    nbd_attempt=$((nbd_attempt + 1))
    sleep "$(back_off "$nbd_attempt" 8)"
  done
}

# nbd_node INDEX PARTITION: the path of the partition's device, once it is there; partition 0 is the whole disk.
nbd_node() {
  nbd_path=/dev/nbd$1
  if [ "$2" -ne 0 ]; then nbd_path=${nbd_path}p$2; fi
  nbd_tries=0
  while [ ! -b "$nbd_path" ]; do
    [ "$nbd_tries" -lt 50 ] || return 1
    nbd_tries=$((nbd_tries + 1))
    # The kernel looks for partitions when somebody opens the disk.
    : <"/dev/nbd$1"
    sleep 0.1
  done
  echo "$nbd_path"
}

# nbd_root: step attach, shared by the root modes that live on one: the root's disk is /dev/nbd0. Sets root_device.
nbd_root() {
  begin attach
  nbd_missing=$(needs_file_systems "$nbd_fs")
  [ -z "$nbd_missing" ] || fail "kernel $(uname -r) cannot mount: $nbd_missing"
  nbd_attach 0 "$nbd_port" "$nbd_export" "$nbd_secret" ||
    fail "the root's disk cannot be attached: $nbd_why. Is port $nbd_port of the server reachable from here?"
  root_device=$(nbd_node 0 "$nbd_partition") || fail "the disk has no partition $nbd_partition"
  finish "$(megabytes "$nbd_size") $nbd_access as $root_device"
}

# nbd_mount_failure: what the kernel said.
nbd_mount_failure() {
  nbd_kernel_said=$(dmesg | grep -iE 'nbd0|ext4|squashfs' | tail -n 3 | sed 's/^\[[^]]*\] *//' | tr '\n' ' ')
  echo "the root cannot be mounted: ${nbd_kernel_said:-the kernel does not say why}"
}
