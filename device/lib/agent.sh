# shellcheck shell=sh
# The words of `agent`. Uses $here (the runtime), $run (a folder of its own), $state.

# Most seconds between two looks at the boot config, which may have changed, and up to a third as many again by chance.
agent_look=300
# Seconds between two looks for an update, and up to a fifth as many more by chance, but no more than so many (those of CattlePi).
agent_update_every=600
agent_update_jitter=110

# setting NAME DEFAULT: of the boot config.
setting() {
  setting_value=$(value_of "$1" "$here/config/settings" 2>/dev/null) || setting_value=''
  echo "${setting_value:-$2}"
}

# begin STEP [MESSAGE], finish [MESSAGE]: as in the initramfs.
begin() {
  step=$1
  report "$1" start "${2-}"
}
finish() {
  report "$step" ok "${1-}"
}

# agent_open: what the board keeps, and its way to the server. Fails before the server knows it.
agent_open() {
  session=$(value_of session "$state") && [ -n "$session" ] || return 1
  credential=$(value_of credential "$state") && [ -n "$credential" ] || return 1
  http_server "$(value_of url "$state")" || return 1
  http_auth="Bearer $credential"
  reporting=yes
  set_boot=$(value_of boot "$state")
  set_running=$(value_of set "$state")
  set_other=a
  if [ "$set_running" = a ]; then set_other=b; fi
  card_device=$(value_of card "$state")
  store_kind=$(value_of store "$state")
  card_root=$(value_of root "$state")
  if [ "$store_kind" = folder ]; then card_data=$here/card/drover/cache; else card_data=$here/data; fi
  clock_not_before=$(value_of not_before "$lib/version")
  patience=60
}

# agent_run: heartbeats beside it.
agent_run() {
  beat_run &
  agent_update_at=0
  while [ -e "$state" ]; do
    agent_wait=$agent_look
    if agent_open && [ "$(setting autoupdate no)" = yes ]; then agent_due; fi
    sleep $((agent_wait + $(random_below $((agent_wait / 3 + 1)))))
  done
}

# agent_due: looks for an update when it is time to. Sets agent_wait.
agent_due() {
  uptime_now
  if [ "$now_seconds" -ge "$agent_update_at" ]; then
    agent_every=$(setting updateEvery "$agent_update_every")
    agent_chance=$((agent_every / 5))
    [ "$agent_chance" -le "$agent_update_jitter" ] || agent_chance=$agent_update_jitter
    agent_update_at=$((now_seconds + agent_every + $(random_below $((agent_chance + 1)))))
    agent_update && agent_update_begin
    uptime_now
  fi
  agent_soon=$((agent_update_at - now_seconds))
  if [ "$agent_soon" -lt "$agent_wait" ]; then agent_wait=$agent_soon; fi
  if [ "$agent_wait" -lt 1 ]; then agent_wait=1; fi
}

# agent_once: as a person asks for it. Says what it did.
agent_once() {
  agent_open || {
    echo 'the server does not know of this boot yet' >&2
    return 1
  }
  if ! agent_update; then
    echo "${agent_why:-nothing new}"
    return 0
  fi
  echo "fetched: $want_image"
  agent_update_begin
}

# agent_update: asks, and fetches what is new into the card. Fails, with agent_why, when there is nothing to restart for.
agent_update() {
  agent_why=''
  agent_lock || {
    agent_why='another update runs'
    return 1
  }
  agent_writable
  agent_prefetch
  agent_status=$?
  store_rest
  rm -f "$here/card.lock"
  return "$agent_status"
}

# agent_lock: one process at a time changes the card; the lock of one that was killed is taken over.
agent_lock() {
  until ln -s "$$" "$here/card.lock" 2>/dev/null; do
    agent_holder=$(readlink "$here/card.lock") || continue
    if kill -0 "$agent_holder" 2>/dev/null; then return 1; fi
    rm -f "$here/card.lock"
  done
}
agent_writable() {
  [ "$store_kind" != folder ] || card_open rw
  records_open
}
agent_prefetch() {
  [ ! -f "$here/card.pub" ] || cp "$here/card.pub" "$run/card.pub"
  step=update
  if ! signed_ask; then
    agent_why=$signed_why
    return 1
  fi
  signed_accept
  records_commit
  if sd_bad; then
    agent_why="$want_image did not come up on this board before"
    return 1
  fi
  if [ "$want_root" = "$card_root" ] && [ "$want_boot" = "$set_boot" ]; then
    agent_config
    return
  fi
  begin download "$(megabytes "$want_root_size")"
  if ! sd_download; then
    agent_why=$sd_why
    report download info "$sd_why"
    return 1
  fi
}

# agent_config: whether the boot config alone is another.
agent_config() {
  [ -f "$card_data/config.tar" ] && has_digest "$want_config" "$card_data/config.tar" && return 1
  config_fetch
}

# in_window NOW FROM-TO: minutes of a day as HH:MM; a window may lie across midnight. Empty: always.
in_window() {
  [ -n "$2" ] || return 0
  window_now=$(window_minutes "$1")
  window_from=$(window_minutes "${2%%-*}")
  window_to=$(window_minutes "${2#*-}")
  if [ "$window_from" -le "$window_to" ]; then
    [ "$window_now" -ge "$window_from" ] && [ "$window_now" -lt "$window_to" ]
  else
    [ "$window_now" -ge "$window_from" ] || [ "$window_now" -lt "$window_to" ]
  fi
}
window_minutes() {
  window_hour=${1%%:*}
  window_minute=${1#*:}
  echo $((${window_hour#0} * 60 + ${window_minute#0}))
}

# agent_update_begin: what was fetched is put in place and started, in the window that is allowed.
agent_update_begin() {
  agent_window=$(setting updateWindow '')
  in_window "$(date +%H:%M)" "$agent_window" || report update info "waiting for the window $agent_window"
  until in_window "$(date +%H:%M)" "$agent_window"; do
    sleep $((30 + $(random_below 30)))
  done
  if ! agent_drain; then
    report update info "not now: $agent_why"
    return 1
  fi
  if [ "$want_boot" != "$set_boot" ] && ! agent_install; then return 1; fi
  report_insist 3
  agent_reboot
}

# agent_install: the boot files that are wanted, for the next start.
agent_install() {
  begin update "$(megabytes "$want_boot_size")"
  agent_lock || return 1
  agent_writable
  if ! sd_install; then
    store_rest
    rm -f "$here/card.lock"
    agent_why=$sd_why
    report update failed "$sd_why"
    return 1
  fi
  card_open rw && set_point "$(trial_pointer)" "$set_other"
  card_close
  store_rest
  rm -f "$here/card.lock"
  finish "into set $set_other, to be tried by $sd_method"
}

# agent_drain: programs of the image, in order of their names, that bring the board's work elsewhere. One that fails keeps it going.
agent_drain() {
  for agent_program in /etc/drover/drain.d/*; do
    [ -x "$agent_program" ] || continue
    agent_said=$("$agent_program" 2>&1 </dev/null) && continue
    agent_why="${agent_program##*/} says: $(echo "$agent_said" | tail -n 1)"
    return 1
  done
}

agent_restart() {
  agent_drain || {
    echo "$agent_why" >&2
    exit 1
  }
  agent_reboot
}

# agent_reboot: as the system does it, with a word for the firmware where a trial asks for it.
agent_reboot() {
  if [ "$(value_of init "$state")" != systemd ]; then
    [ "$(trial_pointer)" != try.txt ] || restart_tryboot
    reboot
    return
  fi
  [ "$(trial_pointer)" != try.txt ] || printf '0 tryboot' >/run/systemd/reboot-param
  systemctl reboot
}

# agent_script FILE NAME: runs a script of the boot config, in a shell; its output goes to the journal, its end to the server.
agent_script() {
  [ -s "$1" ] || return 0
  sh "$1"
  agent_status=$?
  if agent_open; then
    report "$2" info "it ended with $agent_status"
    report_insist 3
  fi
  return "$agent_status"
}

agent_bootstrap() {
  for agent_program in /etc/drover/bootstrap /etc/cattlepi/bootstrap.sh; do
    if [ -x "$agent_program" ]; then
      "$agent_program"
      return
    fi
  done
}

agent_boot_folder() {
  if [ -d /boot/firmware ]; then echo /boot/firmware; else echo /boot; fi
}
agent_mount_boot() {
  mount -t vfat "$(value_of card "$state")" "$(agent_boot_folder)"
}
