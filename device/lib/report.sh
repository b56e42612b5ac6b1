# shellcheck shell=sh
# Telling the server how the boot goes. A report is queued first and sent in order when the server can be reached, so what
# happened before there was a network arrives too. Uses $run (where `queue` exists), and
# $session. $reporting is set once there is a way to the server.

report_queue_limit=300
report_queued=0
report_retry_at=0

# report STEP STATE [MESSAGE]: STATE is start, progress, ok, failed or info.
report() {
  report_text=''
  [ -z "${3-}" ] || report_text=$(query_text "$3")
  uptime_now
  if [ "$report_queued" -lt "$report_queue_limit" ]; then
    echo "$1 $2 $now $report_text" >>"$run/queue"
    report_queued=$((report_queued + 1))
  fi
  [ "$now_seconds" -lt "$report_retry_at" ] || report_flush
}

# report_flush: sends what is queued. Fails when something is left; after a failure, report waits some seconds with the next
# attempt, so that a dead server does not hold up the boot.
report_flush() {
  [ -s "$run/queue" ] || return 0
  [ -n "${reporting-}" ] || return 1
  report_sent=0
  report_retry_at=0
  while read -r report_step report_state report_up report_message; do
    report_query="step=$report_step&state=$report_state&uptime=$report_up&message=$report_message"
    http POST "/device/v1/sessions/$session/reports?$report_query"
    # Refused is delivered: it would be refused again.
    case $http_status in
      2?? | 4??) report_sent=$((report_sent + 1)) ;;
      *)
        uptime_now
        report_retry_at=$((now_seconds + 10))
        break
        ;;
    esac
  done <"$run/queue"
  # Counted anew: a part of the runtime in a shell of its own may have reported as well.
  report_queued=$(($(wc -l <"$run/queue") - report_sent))
  if [ "$report_queued" -le 0 ]; then
    report_queued=0
    : >"$run/queue"
    return 0
  fi
  tail -n "+$((report_sent + 1))" "$run/queue" >"$run/queue.rest"
  mv "$run/queue.rest" "$run/queue"
  return 1
}

# report_log STEP KIND FILE: the end of a log, KIND is kernel, initramfs or root. Best effort.
report_log() {
  [ -n "${reporting-}" ] || return 1
  tail -c 60000 "$3" >"$run/log.part"
  uptime_now
  http POST "/device/v1/sessions/$session/reports?step=$1&state=info&uptime=$now&log=$2" "$run/log.part" text/plain
}

# report_kernel_log STEP
report_kernel_log() {
  dmesg >"$run/dmesg" 2>/dev/null
  report_log "$1" kernel "$run/dmesg"
}

# report_insist ATTEMPTS: sends what is queued, trying so many times with back-off.
report_insist() {
  report_attempt=0
  until report_flush; do
    report_attempt=$((report_attempt + 1))
    [ "$report_attempt" -lt "$1" ] || return 1
    sleep "$(back_off "$report_attempt" 60)"
  done
}
