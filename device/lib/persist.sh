# shellcheck shell=sh
# Files of a root that forgets which shall stay: each path lies on the card's own partition and is bound over the root's. What the image
# has there is copied once. Uses $card_data, $store_kind, $newroot and $run/config/settings.

# persist_paths: one a line, absolute and plain, none within another's name by `..`.
persist_paths() {
  persist_list=$(value_of persist "$run/config/settings" 2>/dev/null) || return 0
  echo "$persist_list" | tr ',' '\n' | grep -x '/[A-Za-z0-9._/@+-]*' | grep -v -e '//' -e '/\.\.\?\(/\|$\)' -e '^/$'
}

# persist_bind: fails for none; what cannot stay is reported.
persist_bind() {
  for persist_path in $(persist_paths); do
    if [ "$store_kind" != partition ]; then
      report mount info "$persist_path does not stay: the card has no partition of the board's own"
      continue
    fi
    persist_one "$persist_path" || report mount info "$persist_path does not stay: $(tail -n 1 "$run/persist.log")"
  done
}

# persist_one PATH: copied under another name first, so that a power cut leaves all of it or nothing.
persist_one() {
  persist_kept=$card_data/persist$1
  if [ ! -e "$persist_kept" ]; then
    mkdir -p "${persist_kept%/*}"
    rm -rf "$card_data/persist.new"
    if [ -e "$newroot$1" ]; then
      cp -a "$newroot$1" "$card_data/persist.new" 2>"$run/persist.log" || return 1
    else
      mkdir "$card_data/persist.new"
    fi
    sync
    mv "$card_data/persist.new" "$persist_kept"
  fi
  # A link in the image would lead the mount out of the root.
  [ ! -L "$newroot$1" ] || rm -f "$newroot$1"
  if [ -d "$persist_kept" ]; then
    mkdir -p "$newroot$1"
  else
    mkdir -p "$newroot${1%/*}"
    [ -e "$newroot$1" ] || : >"$newroot$1"
  fi
  mount -o bind "$persist_kept" "$newroot$1" 2>"$run/persist.log"
}
