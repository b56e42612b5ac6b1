# shellcheck shell=sh
# The end of a boot that cannot go on: say why, leave the logs with the server, and start over. A board is never left with
# a dead prompt. Uses $step, $run.

# Seconds before a restart, and up to as many again by chance. Raised where trying again soon will not help.
fail_delay=15

# The kernel's own panic setting as we found it: 0 says nothing, a negative one means at once.
fail_panic=0

# A crash of the runtime itself restarts the board too; the running root gets the image's own setting back (see up).
guard_against_panic() {
  # With cat: such files give all at the first read or nothing, and the shell reads byte by byte.
  fail_panic=$(cat /proc/sys/kernel/panic)
  [ "$fail_panic" -ne 0 ] || echo 30 >/proc/sys/kernel/panic
}

# fail MESSAGE: never returns.
fail() {
  trap - EXIT
  say "failed at $step: $1"
  report "$step" failed "$1"
  report_retry_at=0
  if [ -n "${reporting-}" ] && report_insist 4; then
    report_kernel_log "$step"
    report_log "$step" initramfs "$run/log"
  fi
  if has_parameter drover.debug; then
    say 'drover.debug: a shell on the console; the board restarts when it ends'
    setsid cttyhack sh
  fi
  restart
}

# missed MESSAGE: a step on the way to the server did not succeed in its time. Ends the boot, unless the card has what it takes to go
# on without; then the caller returns 1.
missed() {
  [ -n "${offline_ready-}" ] || fail "$1"
  offline_why=$1
}

# restart: waits as `panic=` says, or the default with its share of chance, and reboots.
restart() {
  if [ "$fail_panic" -gt 0 ]; then
    fail_wait=$fail_panic
  elif [ "$fail_panic" -lt 0 ]; then
    fail_wait=0
  else
    fail_wait=$((fail_delay + $(random_below "$fail_delay")))
  fi
  say "restarting in $fail_wait s"
  sleep "$fail_wait"
  restart_now
}

# restart_tryboot: the firmware takes tryboot.txt, once.
restart_tryboot() {
  say 'restarting with tryboot'
  sync
  perl_run restart-with '0 tryboot'
  restart_now
}

# restart_now: never returns.
restart_now() {
  sync
  reboot -f
  sleep 10
  echo b >/proc/sysrq-trigger
  while :; do sleep 60; done
}
