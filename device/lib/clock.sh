# shellcheck shell=sh
# The time, before anything needs it: a Pi has no clock that runs while it is off. Uses $lib/version.

# set_clock SECONDS
set_clock() {
  date -u -s "@$1" >/dev/null
}

# A clock that shows a day before this runtime was made is certainly wrong.
clock_floor() {
  clock_not_before=$(value_of not_before "$lib/version")
  [ "$(date +%s)" -ge "$clock_not_before" ] || set_clock "$clock_not_before"
}

# server_time: seconds since 1970 as the server told, in its answer or at least in the Date of it. Fails when it did not.
server_time() {
  if http GET /device/v1/time && clock_told=$(value_of time "$run/http.body") && is_number "$clock_told"; then
    echo "$clock_told"
    return 0
  fi
  date -u -D '%a, %d %b %Y %H:%M:%S' -d "$http_date" +%s 2>/dev/null
}

# step_clock: sets the clock from the server, trying for $patience seconds. Sets clock_summary.
step_clock() {
  uptime_now
  clock_until=$((now_seconds + patience))
  clock_attempt=0
  until clock_server=$(server_time); do
    uptime_now
    if [ "$now_seconds" -ge "$clock_until" ]; then
      missed "the server at $http_authority does not answer (waited $patience s)"
      return 1
    fi
    clock_attempt=$((clock_attempt + 1))
    say "no answer from $http_authority"
    sleep "$(back_off "$clock_attempt" 16)"
  done
  if [ "$clock_server" -lt "$clock_not_before" ]; then
    report clock info "The server's clock is wrong: it shows $(date -u -d "@$clock_server" '+%F %T'). Set it."
    clock_summary="left at $(date -u '+%F %T')"
    return 0
  fi
  set_clock "$clock_server"
  clock_summary=$(date -u '+%F %T')
}
