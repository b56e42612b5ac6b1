# shellcheck shell=sh
# The board's boot config: fetched with what the signed answer promised, kept on the card, and its bootcode run before the root is
# built. Uses $run, $card_data, fetch.sh and signed.sh.

# Seconds that a bootcode may take.
bootcode_limit=600

# config_fetch: the archive of this answer, on the card. Fails with the reason in fetch_why.
config_fetch() {
  if [ -f "$card_data/config.tar" ] && has_digest "$want_config" "$card_data/config.tar"; then return 0; fi
  cache_fetch "/device/v1/sessions/$session/config" "$want_config" "$want_config_size" "$card_data/config.tar"
}

# config_open: what the card has, unpacked to $run/config.
config_open() {
  rm -rf "$run/config"
  (
    umask 077
    mkdir -p "$run/config"
  )
  [ ! -f "$card_data/config.tar" ] || tar -x -o -f "$card_data/config.tar" -C "$run/config" 2>/dev/null
}

# config_bootcode: runs it, in a shell of its own. What it says is reported; a board comes up although it fails.
config_bootcode() {
  [ -s "$run/config/bootcode" ] || return 0
  begin bootcode
  DROVER_RUN="$run" timeout "$bootcode_limit" sh "$run/config/bootcode" >"$run/bootcode.log" 2>&1 </dev/null
  config_status=$?
  [ "$config_status" -eq 0 ] ||
    report bootcode info "it ended with $config_status: $(tail -n 3 "$run/bootcode.log" | tr '\n' ' ')"
  finish "$(tail -n 1 "$run/bootcode.log")"
}
