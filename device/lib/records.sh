# shellcheck shell=sh
# What a card remembers from boot to boot, as key=value lines that a power cut leaves as they were before or after, on any file
# system: two files of one size are written in turn, in place, each with a number that grows and a digest. The newest whole one
# holds. Uses $run and $card_data, a folder on the card.

record_bytes=2048

# record_whole FILE: prints its lines when the digest behind them is theirs.
record_whole() {
  [ -f "$1" ] || return 1
  tr -d '\0' <"$1" >"$run/record.read"
  record_sum=$(value_of sum "$run/record.read") || return 1
  grep -v '^sum=' "$run/record.read" >"$run/record.lines"
  has_digest "$record_sum" "$run/record.lines" && cat "$run/record.lines"
}

# records_open: takes what the card remembers into $run/record. Nothing, where nothing whole is there.
records_open() {
  record_seq=0
  : >"$run/record"
  for record_file in "$card_data/record.0" "$card_data/record.1"; do
    record_text=$(record_whole "$record_file") || continue
    echo "$record_text" >"$run/record.new"
    record_new=$(value_of seq "$run/record.new")
    is_number "$record_new" || continue
    [ "$record_new" -gt "$record_seq" ] || continue
    record_seq=$record_new
    grep -v '^seq=' "$run/record.new" >"$run/record"
  done
}

# remembered KEY: prints the value, nothing when there is none.
remembered() {
  value_of "$1" "$run/record" || true
}

# remember KEY=VALUE...: in memory, until records_commit. An empty value forgets the key.
remember() {
  for record_pair in "$@"; do
    grep -v "^${record_pair%%=*}=" "$run/record" >"$run/record.new"
    [ -z "${record_pair#*=}" ] || echo "$record_pair" >>"$run/record.new"
    mv "$run/record.new" "$run/record"
  done
}

# records_commit: onto the card, behind everything that was written there before. Fails when the card does not take it.
records_commit() {
  record_seq=$((record_seq + 1))
  {
    cat "$run/record"
    echo "seq=$record_seq"
  } >"$run/record.new"
  record_digest=$(sha256sum <"$run/record.new")
  echo "sum=${record_digest%% *}" >>"$run/record.new"
  [ "$(wc -c <"$run/record.new")" -le "$record_bytes" ] || return 1
  truncate -s "$record_bytes" "$run/record.new"
  sync
  dd if="$run/record.new" of="$card_data/record.$((record_seq % 2))" bs="$record_bytes" conv=notrunc,fsync 2>/dev/null
}
