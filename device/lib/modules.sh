# shellcheck shell=sh
# Kernel modules of the initramfs. They are all loaded, in the order the composer wrote down, instead of by what sits on the
# buses: a network card on USB appears when its host controller is up, seconds later, and then its driver is already there.

# load_modules DIRECTORY: inserts what drover.order lists. Sets modules_loaded (a count) and modules_refused (names).
load_modules() {
  modules_loaded=0
  modules_refused=''
  [ -e "$1/drover.order" ] || return 1
  while read -r modules_file; do
    # Loaded by log.sh, with what it is to log to.
    case $modules_file in */netconsole.ko | netconsole.ko) continue ;; esac
    if modules_said=$(insmod "$1/$modules_file" 2>&1); then
      modules_loaded=$((modules_loaded + 1))
      continue
    fi
    modules_name=${modules_file##*/}
    case $modules_said in
      *'File exists'*) ;;
      # A driver may find out only now that the machine has no such device.
      *'No such device'*) ;;
      *) modules_refused="$modules_refused ${modules_name%.ko} (${modules_said##*: })" ;;
    esac
  done <"$1/drover.order"
}

# needs_file_systems NAME...: prints those the kernel does not have.
needs_file_systems() {
  for modules_wanted in "$@"; do
    grep -qw "$modules_wanted" /proc/filesystems || echo "$modules_wanted"
  done
}

# network_drivers: drivers that hold a network interface now, sorted: `virtio_net`.
network_drivers() {
  for modules_card in "$sys"/class/net/*; do
    [ -e "$modules_card/device/driver" ] || continue
    modules_driver=$(readlink -f "$modules_card/device/driver")
    echo "${modules_driver##*/}"
  done | sort -u | tr '\n' ' '
}

step_modules() {
  modules_release=$(uname -r)
  if ! load_modules "/lib/modules/$modules_release"; then
    # shellcheck disable=SC2012
    modules_others=$(ls /lib/modules 2>/dev/null | tr '\n' ' ')
    report modules info "The kernel that runs is $modules_release; the initramfs has modules for: ${modules_others:-none}."
  fi
  [ -z "$modules_refused" ] || report modules info "refused by the kernel:$modules_refused"
  modules_missing=$(needs_file_systems squashfs overlay tmpfs)
  [ -z "$modules_missing" ] || fail "kernel $modules_release cannot mount: $(echo "$modules_missing" | tr '\n' ' ')"
  modules_summary="$modules_loaded loaded; network: $(network_drivers)"
}
