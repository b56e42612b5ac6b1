# shellcheck shell=sh
# The board's hardware watchdog: a kernel that hangs restarts the board. Fed from the initramfs on, through the whole run of the system, unless
# the image's init feeds it. Uses $newroot.

# watchdog_start: 15 seconds are the most that a Pi's watchdog can wait (bcm2835_wdt).
watchdog_start() {
  [ -c /dev/watchdog ] || return 0
  [ "$(kernel_parameter drover.watchdog)" != no ] || return 0
  watchdog -F -t 4 -T 15 /dev/watchdog >/dev/null 2>&1 &
  watchdog_pid=$!
}

# watchdog_is_theirs: whether systemd in the root was told to feed it (RuntimeWatchdogSec, systemd-system.conf(5)).
watchdog_is_theirs() {
  cat "$newroot"/etc/systemd/system.conf "$newroot"/etc/systemd/system.conf.d/*.conf "$newroot"/usr/lib/systemd/system.conf.d/*.conf 2>/dev/null |
    grep -q '^RuntimeWatchdogSec *= *[1-9]'
}

# watchdog_hand_over: stops it in order, with the word that keeps it from biting.
watchdog_hand_over() {
  [ -n "${watchdog_pid-}" ] || return 0
  if watchdog_is_theirs; then kill "$watchdog_pid" 2>/dev/null; fi
}
