# shellcheck shell=sh
# What `up` does on a board that keeps its root on a card: watches a trial, remembers what came up well, and meets a server that was
# away. Uses $run, trial.sh, card.sh; `state` (ok, failed) and `message` are up's.

# Seconds until a new root on trial must have told that it is well.
card_up_limit=900

# is_card_root: whether the root is one that the card keeps.
is_card_root() {
  [ "$(value_of mode "$run/state")" = sd ]
}

# card_up_begin: takes over what the initramfs left.
card_up_begin() {
  is_card_root || return 0
  set_boot=$(value_of boot "$run/state")
  set_running=$(value_of set "$run/state")
  card_device=$(value_of card "$run/state")
  store_kind=$(value_of store "$run/state")
  card_root=$(value_of root "$run/state")
  if [ "$store_kind" = folder ]; then card_data=$run/card/drover/cache; else card_data=$run/data; fi
  records_open
  if trial_on; then card_up_watch & fi
}

# card_up_watch: a trial that does not end well ends in a restart.
card_up_watch() {
  uptime_now
  card_up_until=$((now_seconds + card_up_limit))
  until [ -e "$run/trial-over" ]; do
    uptime_now
    if [ "$now_seconds" -ge "$card_up_until" ]; then
      say "on trial, and not well after $card_up_limit s"
      restart_now
    fi
    sleep 5
  done
}

# card_up_well: the system has started, or will not. Whether the server hears of it is another matter.
card_up_well() {
  is_card_root && trial_on || return 0
  if [ "$state" != ok ] || [ "${system-}" = starting ]; then
    say "on trial, and not well: $message"
    report up failed "on trial: $message"
    [ -z "${reporting-}" ] || report_insist 3
    restart_now
  fi
  if [ -z "${reporting-}" ]; then
    : >"$run/trial-over"
    card_writable trial_excuse
  fi
}

# card_up_told: the server knows that this root came up.
card_up_told() {
  is_card_root || return 0
  : >"$run/trial-over"
  if ! trial_on && [ "$(remembered good_root)" = "$card_root" ]; then return 0; fi
  # What the board went on with instead of what it was to run is good already.
  if [ "$card_root" != "$(remembered trial_root)" ]; then return 0; fi
  if card_writable trial_good "$card_root"; then
    report trial ok "$(short "$card_root") is kept"
  else
    report trial failed 'the card does not keep what is written to it'
  fi
}

# card_writable WORDS...: does something with the store open for writing.
card_writable() {
  [ "$store_kind" != folder ] || card_open rw
  "$@"
  card_up_status=$?
  store_rest
  return "$card_up_status"
}

# card_up_meet: a boot without the server tells of itself as soon as there is one: as a session of its own, with all that was queued.
card_up_meet() {
  card_key=$(value_of key "$run/state") || card_key=''
  card_for=$(value_of for "$run/state") || card_for=''
  mode=$(value_of mode "$run/state")
  serial=$(serial_number)
  mac=$(value_of mac "$run/state") || mac=''
  [ -n "$mac" ] || mac=$(card_up_mac)
  nonce=$(random_hex 32)
  patience=1000000000
  offline_ready=''
  card_up_session
}

# A refusal ends an attempt here, not the running system: takes the place of the initramfs' own.
fail() {
  say "$1"
  exit 1
}

# card_up_agent: where no systemd starts it.
card_up_agent() {
  for card_up_word in bootstrap usercode run; do
    setsid sh "$lib/agent" "$card_up_word" </dev/null >/dev/null 2>&1 &
  done
}

# card_up_mac: of the first wired interface.
card_up_mac() {
  for card_up_interface in $(wired_interfaces); do
    cat "$sys/class/net/$card_up_interface/address"
    return 0
  done
}

# card_up_session: asks and exchanges, until it is known.
card_up_session() {
  card_up_attempt=0
  until (step_ask && step_exchange && echo "session=$session
credential=$credential" >"$run/met") >/dev/null 2>&1; do
    card_up_attempt=$((card_up_attempt + 1))
    sleep "$(back_off "$card_up_attempt" 300)"
  done
  session=$(value_of session "$run/met")
  credential=$(value_of credential "$run/met")
  rm -f "$run/met"
  http_auth="Bearer $credential"
  reporting=yes
  report_retry_at=0
  {
    grep -v -e '^session=' -e '^credential=' -e '^offline=' "$run/state"
    echo "session=$session"
    echo "credential=$credential"
  } >"$run/state.new"
  chmod 600 "$run/state.new"
  mv "$run/state.new" "$run/state"
}
