# shellcheck shell=sh
# Files that may be large: fetched from the server with an eye on whether anything still comes, and gone on with where they
# stopped. Uses http.sh, report.sh and $step.

# A transfer that brings nothing for so many seconds is dead.
fetch_stall=30
# Attempts in a row that bring nothing before it is given up.
fetch_attempts=8

fetch_measure() {
  fetch_now=0
  [ ! -e "$fetch_file" ] || fetch_now=$(wc -c <"$fetch_file")
}

# fetch_transfer: one connection, watched until it ends or goes dead. Reports how far it is.
fetch_transfer() {
  fetch_measure
  http_download download "$fetch_path" "$fetch_file" "$fetch_now" &
  fetch_pid=$!
  fetch_last=$fetch_now
  uptime_now
  fetch_moved_at=$now_seconds
  while kill -0 "$fetch_pid" 2>/dev/null; do
    sleep 0.5
    fetch_measure
    uptime_now
    fetch_at=$now_seconds
    if [ "$fetch_now" -ne "$fetch_last" ]; then
      fetch_last=$fetch_now
      fetch_moved_at=$fetch_at
    elif [ $((fetch_at - fetch_moved_at)) -ge "$fetch_stall" ]; then
      kill "$fetch_pid" 2>/dev/null
    fi
    if [ "$fetch_at" -ge "$fetch_report_at" ] && [ "$fetch_now" -lt "$fetch_size" ]; then
      report "$step" progress "$((fetch_now * 100 / fetch_size)) %, $(megabytes "$fetch_now") of $(megabytes "$fetch_size")"
      uptime_now
      fetch_report_at=$((now_seconds + 3))
    fi
  done
  wait "$fetch_pid"
  fetch_measure
}

# fetch PATH FILE SIZE: until FILE has SIZE bytes; what is there already is gone on with. Fails with the reason in fetch_why when
# the server refuses it or nothing comes any more; what came is kept.
fetch() {
  fetch_path=$1
  fetch_file=$2
  fetch_size=$3
  fetch_attempt=0
  uptime_now
  fetch_report_at=$((now_seconds + 2))
  fetch_measure
  [ "$fetch_now" -le "$fetch_size" ] || rm -f "$fetch_file"
  fetch_measure
  while [ "$fetch_now" -ne "$fetch_size" ]; do
    fetch_before=$fetch_now
    fetch_transfer
    [ "$fetch_now" -ne "$fetch_size" ] || break
    http_read_answer download
    case $http_status in
      401 | 403 | 404 | 410)
        fetch_why="the server refuses ${fetch_path##*/}: $(http_reason download)"
        return 1
        ;;
    esac
    [ "$fetch_now" -lt "$fetch_size" ] || rm -f "$fetch_file"
    if [ "$fetch_now" -gt "$fetch_before" ]; then fetch_attempt=0; else fetch_attempt=$((fetch_attempt + 1)); fi
    if [ "$fetch_attempt" -ge "$fetch_attempts" ]; then
      fetch_why="the download stands at $fetch_now of $fetch_size bytes: $(http_reason download)"
      return 1
    fi
    report "$step" info "interrupted at $(megabytes "$fetch_now") of $(megabytes "$fetch_size"), going on"
    sleep "$(back_off "$fetch_attempt" 16)"
    fetch_measure
  done
}

# has_digest SHA256 FILE: whether the bytes are the right ones. Sets fetch_digest.
has_digest() {
  fetch_digest=$(sha256sum <"$2")
  fetch_digest=${fetch_digest%% *}
  [ "$fetch_digest" = "$1" ]
}
