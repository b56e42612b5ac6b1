# shellcheck shell=sh
# Heartbeats: that this board is there, and how it is. Uses http.sh, report.sh, health.sh, $state.

# Seconds between two heartbeats, and up to a third as many again by chance. The server says it with each answer.
beat_every=300
# No more than the server takes (the contract's BeatForm).
beat_most_checks=16

# beat_run: for as long as the system and the agent ($$) run. A process of its own with a folder of its own: what is asked here is not mixed up with an update that goes on
# for hours, or waits for its window.
beat_run() {
  run=$run/beat
  (umask 077 && mkdir -p "$run")
  : >>"$run/queue"
  : >>"$run/log"
  while [ -e "$state" ] && kill -0 "$$"; do
    beat_wait=60
    if agent_open; then
      health_check
      beat_tell
      beat_send
      beat_wait=$beat_every
    fi
    sleep $((beat_wait + $(random_below $((beat_wait / 3)))))
  done
}

# beat_tell: a change of the health with what is wrong, on the timeline of the boot.
beat_tell() {
  beat_now="$health${health_why:+: $health_why}"
  [ "$beat_now" != "${beat_told-ok}" ] || return 0
  report health info "$beat_now"
  report_insist 2 && beat_told=$beat_now
}

# beat_send: best effort, as there will be another.
beat_send() {
  beat_form >"$run/beat.form"
  http POST "/device/v1/sessions/$session/beat" "$run/beat.form" application/x-www-form-urlencoded || return 1
  beat_wanted=$(value_of every "$run/http.body") || return 1
  if is_number "$beat_wanted" && [ "$beat_wanted" -ge 10 ] && [ "$beat_wanted" -le 86400 ]; then beat_every=$beat_wanted; fi
}

beat_form() {
  uptime_now
  beat_image=$(value_of image "$state") || beat_image=''
  beat_offline=no
  if [ "$(value_of source "$state")" = card ]; then beat_offline=yes; fi
  beat_checks=$(echo "$health_failed" | cut -d , -f "1-$beat_most_checks")
  printf %s "health=$health&checks=$(url_encode "$beat_checks")&uptime=$now_seconds&image=$(url_encode "$beat_image")&root=$card_root&offline=$beat_offline"
}
