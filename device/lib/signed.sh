# shellcheck shell=sh
# The signed answer: what this board is to boot, for this boot only, by the server whose key is on the card. signify's embedded form
# (signify(1), -e). Uses $run, $card_data, records.sh, card-store.sh.

# signed_keys: takes the public keys together: the card's own, and one the server has announced since.
signed_keys() {
  rm -f "$run"/key.*.pub
  [ ! -f "$run/card.pub" ] || cp "$run/card.pub" "$run/key.0.pub"
  signed_next=$(remembered next_key)
  [ -z "$signed_next" ] || printf 'untrusted comment: drover, announced\n%s\n' "$signed_next" >"$run/key.1.pub"
  [ -e "$run/key.0.pub" ] || [ -e "$run/key.1.pub" ]
}

# signed_verify FILE: leaves the message in $run/signed.
signed_verify() {
  for signed_key in "$run"/key.*.pub; do
    [ -e "$signed_key" ] || continue
    signed_by=$signed_key
    if store_program signify -V -e -q -p "$signed_key" -x "$1" -m "$run/signed" 2>"$run/signify.log"; then return 0; fi
  done
  return 1
}

# signed_message FILE: the message where no key is on the card to check it with.
signed_message() {
  tail -n +3 "$1" >"$run/signed"
}

# signed_read FILE: takes a message apart. Fails with the value that is wrong in signed_wrong.
signed_read() {
  for signed_name in version rootSize bootSize configSize time; do
    signed_wrong=$signed_name
    signed_value=$(value_of "$signed_name" "$1") && is_number "$signed_value" || return 1
  done
  for signed_name in rootSha256 bootId bootSha256 configSha256; do
    signed_wrong=$signed_name
    signed_value=$(value_of "$signed_name" "$1") && is_hex 64 "$signed_value" || return 1
  done
  want_version=$(value_of version "$1")
  want_root=$(value_of rootSha256 "$1")
  want_root_size=$(value_of rootSize "$1")
  want_boot=$(value_of bootId "$1")
  want_boot_digest=$(value_of bootSha256 "$1")
  want_boot_size=$(value_of bootSize "$1")
  want_config=$(value_of configSha256 "$1")
  want_config_size=$(value_of configSize "$1")
  want_image=$(value_of image "$1") || want_image=''
  signed_time=$(value_of time "$1")
  signed_wrong=hostname
  hostname=$(value_of hostname "$1") || return 1
  case $hostname in '' | -* | *[!a-zA-Z0-9.-]*) return 1 ;; esac
  signed_wrong=overlaySize
  overlay_size=$(value_of overlaySize "$1") || return 1
  case ${overlay_size%[%kmg]} in '' | *[!0-9]*) return 1 ;; esac
  signed_wrong=''
}

# signed_check FILE: an answer that belongs to this boot. Sets signed_why when it does not.
signed_check() {
  if signed_keys; then
    signed_verify "$1" || {
      signed_why="the server's answer is not signed with the key on this card ($(tail -n 1 "$run/signify.log"))"
      return 1
    }
  else
    signed_message "$1"
    report signed info 'no drover/card.pub on this card: the answer is taken unsigned'
  fi
  if [ "$(value_of nonce "$run/signed")" != "$signed_nonce" ]; then
    signed_why="the server's answer is to another question: somebody replays it"
    return 1
  fi
  signed_read "$run/signed" || {
    signed_why="the server's answer has no usable $signed_wrong"
    return 1
  }
  signed_floor=$(remembered version)
  if [ "$want_version" -lt "${signed_floor:-0}" ]; then
    signed_why="the server's answer is older than one this card has seen (version $want_version after $signed_floor)"
    return 1
  fi
}

# signed_clock: the time the server signed; never before one that this card has seen.
signed_clock() {
  signed_past=$(remembered time)
  if [ "$signed_time" -ge "${signed_past:-0}" ] && [ "$signed_time" -ge "$clock_not_before" ]; then
    signed_off=$((signed_time - $(date +%s)))
    if [ "$signed_off" -gt 5 ] || [ "$signed_off" -lt -5 ]; then set_clock "$signed_time"; fi
    remember "time=$signed_time"
  else
    report signed info "the time the server signed is before one this card has seen: $(date -u -d "@$signed_time" '+%F %T'). Set its clock."
  fi
}

# signed_ask: asks for $patience seconds. Fails with signed_why.
signed_ask() {
  signed_nonce=$(random_hex 32)
  uptime_now
  signed_until=$((now_seconds + patience))
  signed_attempt=0
  until http GET "/device/v1/sessions/$session/card?nonce=$signed_nonce&version=$(remembered version)"; do
    signed_why="no answer of what to boot: $(http_reason http)"
    uptime_now
    case $http_status in 4??) return 1 ;; esac
    [ "$now_seconds" -lt "$signed_until" ] || return 1
    signed_attempt=$((signed_attempt + 1))
    sleep "$(back_off "$signed_attempt" 16)"
  done
  mv "$run/http.body" "$run/answer"
  signed_check "$run/answer"
}

# signed_accept: what was checked is remembered, with the next key where one is announced. An announced key that signs already stays.
signed_accept() {
  signed_clock
  remember "version=$want_version"
  signed_next=$(value_of nextKey "$run/signed") || signed_next=''
  if [ -n "$signed_next" ] || [ "${signed_by-}" != "$run/key.1.pub" ]; then remember "next_key=$signed_next"; fi
}
