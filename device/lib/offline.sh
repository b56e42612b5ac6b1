# shellcheck shell=sh
# A boot without the server, from what the card keeps. Uses $card_data, records.sh, sets.sh, trial.sh.

# offline_prepare: opens what the card keeps, counts a trial, and finds out whether this board could start without its server. Sets
# offline_ready. A card that is only a way to the server has no such place.
offline_prepare() {
  offline_ready=''
  offline_boot=''
  offline_why=''
  set_boot=''
  [ -n "$card_device" ] && sets_find || return 0
  # Only a board that keeps its root on its card writes to it.
  [ -n "$set_boot" ] || [ -n "$card_keeps" ] || store_partition >/dev/null || return 0
  store_open || {
    report card info "the card takes nothing: $store_why"
    return 0
  }
  watchdog_start
  trial_count
  exchange_known=$(cache_known)
  offline_seconds=$(kernel_parameter drover.offline) || offline_seconds=45
  is_number "$offline_seconds" || return 0
  offline_root=$(remembered good_root)
  if [ -n "$offline_root" ] && [ -f "$(cache_file "$offline_root")" ] && [ -f "$card_data/answer" ]; then
    offline_ready=yes
    patience=$offline_seconds
    exchange_root_limit=120
  fi
}

# offline_begin: what a server would have said, from the last time it did.
offline_begin() {
  report "$step" info "going on without the server: $offline_why"
  say "no server ($offline_why): starting from the card"
  signed_read "$card_data/answer" || fail "$offline_why, and what the card keeps has no usable $signed_wrong"
  offline_clock
  offline_boot=yes
  mode=sd
  reporting=''
  session=''
  credential=''
  interface=${interface-}
  mac=${mac-}
}

# offline_clock: no earlier than a time the server has signed.
offline_clock() {
  offline_past=$(remembered time)
  is_number "$offline_past" || return 0
  if [ "$(date +%s)" -lt "$offline_past" ]; then set_clock "$offline_past"; fi
}

# offline_identity: who the board was the last time.
offline_identity() {
  [ -f "$card_data/identity.tar" ] && cp "$card_data/identity.tar" "$run/identity.tar"
}

# offline_keep: what the next boot without a server needs. Its identity is for root only, as it is in the system itself.
offline_keep() {
  if [ -s "$run/signed" ]; then
    # Without what is new in each answer, so that a card is not worn out.
    { sed -e '/^nonce=/d' -e '/^time=/d' "$run/signed" && echo time=0; } >"$run/answer.kept"
    offline_write "$run/answer.kept" "$card_data/answer"
  fi
  offline_write "$run/identity.tar" "$card_data/identity.tar"
}

# offline_write FROM TO: where it is another.
offline_write() {
  if cmp -s "$1" "$2"; then return 0; fi
  (
    umask 077
    cp "$1" "$2.new"
  )
  dd if=/dev/null of="$2.new" conv=notrunc,fsync 2>/dev/null
  mv "$2.new" "$2"
}
