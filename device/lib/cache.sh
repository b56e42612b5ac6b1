# shellcheck shell=sh
# Roots that the card has: roots/<sha256>.squashfs, each whole; <sha256>.part is a download that goes on. Current and previous stay.
# Uses $card_data, records.sh, fetch.sh.

cache_file() {
  echo "$card_data/roots/$1.squashfs"
}

# cache_has SHA256: whether it is there and right; a damaged one is removed, to be fetched anew.
cache_has() {
  [ -n "$1" ] && [ -f "$(cache_file "$1")" ] || return 1
  has_digest "$1" "$(cache_file "$1")" && return 0
  report verify info "the root $(short "$1") on the card is damaged: its sha256 is $fetch_digest. It is removed."
  rm -f "$(cache_file "$1")"
  return 1
}

# short SHA256: for people.
short() {
  printf %.12s "$1"
}

# cache_known: digests of what is there, with commas, for the server to make less of a download.
cache_known() {
  cache_list=''
  for cache_path in "$card_data"/roots/*.squashfs; do
    [ -f "$cache_path" ] || continue
    cache_name=${cache_path##*/}
    cache_list=$cache_list${cache_list:+,}${cache_name%.squashfs}
  done
  echo "$cache_list" | cut -d, -f1-4
}

# cache_drop_except SHA256...: removes roots and downloads that nobody needs.
cache_drop_except() {
  for cache_path in "$card_data"/roots/*; do
    [ -f "$cache_path" ] || continue
    cache_name=${cache_path##*/}
    case " $* " in *" ${cache_name%%.*} "*) ;; *) rm -f "$cache_path" ;; esac
  done
}

# cache_room BYTES SHA256: room for the rest of that download. What the last good boot needs is never removed. Fails with the reason in
# cache_why.
cache_room() {
  cache_drop_except "$2" "$want_boot_digest" "$(remembered good_root)" "$(remembered trial_root)" "$(remembered previous_root)"
  cache_free "$1" "$2" && return 0
  cache_drop_except "$2" "$(remembered good_root)"
  cache_free "$1" "$2" && return 0
  cache_why="no room on the card: the root takes $(megabytes "$1"), $(megabytes "$cache_bytes") are free. Use a larger card or a smaller image."
  return 1
}
cache_free() {
  cache_kilobytes=$(df -k "$card_data" | awk 'END { print $4 }')
  cache_have=0
  [ ! -f "$card_data/roots/$2.part" ] || cache_have=$(wc -c <"$card_data/roots/$2.part")
  cache_bytes=$((cache_kilobytes * 1024 + cache_have))
  [ "$(($1 + 1048576))" -le "$cache_bytes" ]
}

# cache_keep FILE NAME: a file that is right gets its name, once it is on the card.
cache_keep() {
  dd if=/dev/null of="$1" conv=notrunc,fsync 2>/dev/null
  mv "$1" "$2"
  sync
}

# cache_fetch PATH SHA256 SIZE FILE: a download that outlives restarts, verified; once more when its bytes are wrong. Fails with the
# reason in fetch_why.
cache_fetch() {
  cache_part=$card_data/roots/$2.part
  for cache_attempt in 1 2; do
    fetch "$1" "$cache_part" "$3" || return 1
    if has_digest "$2" "$cache_part"; then
      cache_keep "$cache_part" "$4"
      return 0
    fi
    report "$step" info "the bytes are not those promised (sha256 $fetch_digest)"
    rm -f "$cache_part"
  done
  fetch_why="the sha256 is $fetch_digest, not $2, ${cache_attempt} times"
  return 1
}
