# shellcheck shell=sh
# Root mode sd: a root that the card keeps, checked at each boot, with a tmpfs on top; the boot files on the card follow the image. The
# server is asked at each boot, and not needed for one. What such a file defines is written in root-ram.sh.
# Read by prepare, in the running root's place.
# shellcheck disable=SC2034
root_needs_network=no
# shellcheck disable=SC2034
root_has_disks=no

# sd_stay WHY: no news for this boot: what ran before is taken.
sd_stay() {
  sd_root=$(sd_kept) || fail "$1, and the card has no root to go on with"
  report "$step" info "$1: going on with $(short "$sd_root")"
}

# sd_kept: the root that goes with the boot files that run: on trial, or the last good one.
sd_kept() {
  if trial_on && [ "$(remembered trial_boot)" = "$set_boot" ]; then
    sd_candidate=$(remembered trial_root)
    cache_has "$sd_candidate" && echo "$sd_candidate" && return
  fi
  sd_candidate=$(remembered good_root)
  cache_has "$sd_candidate" && echo "$sd_candidate"
}

# sd_delta: the wanted root made of one that the card has and what the server says is new. Fails where there is no such thing, or it did
# not come out right: then the whole root is fetched.
sd_delta() {
  sd_delta_from=$(value_of deltaFrom "$run/signed") && is_hex 64 "$sd_delta_from" || return 1
  sd_delta_digest=$(value_of deltaSha256 "$run/signed") && is_hex 64 "$sd_delta_digest" || return 1
  sd_delta_size=$(value_of deltaSize "$run/signed") && is_number "$sd_delta_size" || return 1
  cache_has "$sd_delta_from" && cache_free $((want_root_size + sd_delta_size)) "$want_root" || return 1
  sd_delta_file=$card_data/roots/$want_root.delta
  cache_fetch "/device/v1/sessions/$session/delta" "$sd_delta_digest" "$sd_delta_size" "$sd_delta_file" || {
    report download info "no delta: $fetch_why"
    return 1
  }
  sd_made=$card_data/roots/$want_root.part
  sd_said=$(sh "$lib/delta-apply" "$(cache_file "$sd_delta_from")" "$sd_delta_file" "$sd_made" "$want_root_size" 2>&1)
  rm -f "$sd_delta_file"
  if has_digest "$want_root" "$sd_made"; then
    cache_keep "$sd_made" "$(cache_file "$want_root")"
    return 0
  fi
  report download info "the delta did not make the root: ${sd_said:-its sha256 is $fetch_digest}"
  rm -f "$sd_made"
  return 1
}

# sd_download: the root that is wanted. Fails with the reason in sd_why.
sd_download() {
  if cache_has "$want_root"; then
    finish 'on the card already'
    return 0
  fi
  cache_room "$want_root_size" "$want_root" || {
    sd_why=$cache_why
    return 1
  }
  uptime_now
  sd_started=$now_seconds
  if sd_delta; then
    uptime_now
    finish "$(megabytes "$sd_delta_size") instead of $(megabytes "$want_root_size"), made of $(short "$sd_delta_from") in $((now_seconds - sd_started)) s"
    return 0
  fi
  cache_fetch "/device/v1/sessions/$session/root" "$want_root" "$want_root_size" "$(cache_file "$want_root")" || {
    sd_why=$fetch_why
    return 1
  }
  uptime_now
  finish "$(megabytes "$want_root_size") in $((now_seconds - sd_started)) s"
}

# sd_fill_set: the wanted boot files in the set that does not run. Fails with sd_why. The card is open for writing.
sd_fill_set() {
  sd_archive=$card_data/roots/boot.tar
  cache_fetch "/device/v1/sessions/$session/boot" "$want_boot_digest" "$want_boot_size" "$sd_archive" || {
    sd_why=$fetch_why
    return 1
  }
  set_unpack "$sd_archive" "$set_other" "$want_boot_size" || {
    sd_why=$set_why
    return 1
  }
  rm -f "$sd_archive"
}

# sd_convert: a card whose boot files lie flat on it gets its two sets, and the firmware is led to the first by one write of one sector
# (fat-swap). There is nothing to go back to, so nothing is on trial. Fails with sd_why.
sd_convert() {
  if [ -n "$set_boot" ]; then
    sd_why='the set that runs is not among drover/a and drover/b'
    return 1
  fi
  sd_archive=$card_data/roots/boot.tar
  sd_folder=$card_data/set
  cache_fetch "/device/v1/sessions/$session/boot" "$want_boot_digest" "$want_boot_size" "$sd_archive" || {
    sd_why=$fetch_why
    return 1
  }
  rm -rf "$sd_folder"
  mkdir -p "$sd_folder"
  if ! tar -x -o -f "$sd_archive" -C "$sd_folder" 2>"$run/tar.log" || ! card_open rw; then
    sd_why="the boot files cannot be unpacked: $(tail -n 1 "$run/tar.log")"
    return 1
  fi
  sd_why=$(sh "$lib/fat-swap" fill "$run/card" "$sd_folder" 2>&1) || {
    rm -rf "$sd_folder"
    card_close
    return 1
  }
  rm -rf "$sd_folder" "$sd_archive"
  sync
  umount "$run/card"
  sd_why=$(sh "$lib/fat-swap" swap "$card_device" 2>&1) || return 1
  set_other=a
  sd_method='the pointer from now on'
}

# sd_install: the boot files that are wanted, into the other set, and a trial of them from the next start on. Fails with sd_why.
sd_install() {
  if [ -z "$set_running" ]; then
    sd_convert
    return
  fi
  card_open rw || {
    sd_why='the FAT partition cannot be written to'
    return 1
  }
  if [ "$(set_of "$want_boot")" != "$set_other" ] && ! sd_fill_set; then
    card_close
    return 1
  fi
  sd_method=pointer
  if has_tryboot && [ "$(wc -c <"$run/card/drover/try.txt" 2>/dev/null)" = "$sets_sector" ]; then sd_method=tryboot; fi
  card_close
  trial_set "$want_boot" "$want_root" "$sd_method"
  records_commit || {
    sd_why='the card does not keep what is written to it'
    return 1
  }
}

# sd_bad: whether this card gave that pair up.
sd_bad() {
  [ "$want_root" = "$(remembered bad_root)" ] && [ "$want_boot" = "$(remembered bad_boot)" ]
}

# sd_follow: what the answer wants, or why not. Sets sd_root.
sd_follow() {
  if sd_bad; then
    sd_stay "$want_image did not come up in $trial_most tries on this board"
    return
  fi
  begin download "$(megabytes "$want_root_size")"
  if ! sd_download; then
    sd_stay "$sd_why"
    return
  fi
  if [ "$want_boot" != "$set_boot" ]; then
    begin update "$(megabytes "$want_boot_size")"
    if sd_install; then
      finish "into set $set_other, to be tried by $sd_method"
      report_insist 2
      [ -n "$set_running" ] || restart_now
      trial_restart "$set_other"
    fi
    sd_stay "the boot files cannot be replaced: $sd_why"
    return
  fi
  sd_root=$want_root
  if [ "$sd_root" != "$(remembered good_root)" ] && [ "$sd_root" != "$(remembered trial_root)" ]; then
    trial_set "$set_boot" "$sd_root" root
  fi
}

# sd_layout: the partitions that the boot config wants, once: the card holds the dump that was put on it. What the board keeps is opened
# again, or made anew where it had to go.
sd_layout() {
  [ -s "$run/config/sdlayout" ] || return 0
  if [ -f "$run/card.sdlayout" ] && cmp -s "$run/config/sdlayout" "$run/card.sdlayout"; then return 0; fi
  begin config 'sdlayout'
  records_commit
  cp "$run/record" "$run/record.before"
  store_close
  sd_said=$(sh "$lib/sd-layout" "$(store_disk)" "$run/config/sdlayout" 2>&1)
  if [ "$sd_said" = changed ] && ! blockdev --rereadpt "$(store_disk)" 2>/dev/null; then
    # A restart reads it as well; the dump is noted then.
    restart_now
  fi
  store_kind=''
  if card_open rw; then
    mkdir -p "$run/card/drover"
    cp "$run/config/sdlayout" "$run/card/drover/sdlayout"
    card_close
  fi
  card_layout=yes
  store_open || fail "the card takes nothing: $store_why"
  cp "$run/record.before" "$run/record"
  finish "sdlayout: $sd_said"
}

# sd_open: a card that is only a way to the server is asked to be more. Where it takes nothing, another root mode is the remedy.
sd_open() {
  [ -z "${card_data-}" ] || return 0
  [ -n "${card_device-}" ] || fail 'root mode sd needs a card with a FAT partition. Use root mode ram or stream.'
  store_open || fail "the card takes nothing: $store_why. Use root mode ram or stream."
}

root_fetch() {
  sd_open
  begin signed
  if [ -n "$offline_boot" ]; then
    sd_stay "$offline_why"
    config_open
  elif ! signed_ask; then
    sd_stay "$signed_why"
    config_open
  else
    signed_accept
    finish "version $want_version${want_image:+, $want_image}"
    begin config
    config_fetch || report config info "not fetched: $fetch_why"
    config_open
    finish
    sd_layout
    sd_follow
  fi
  records_commit || report mount info 'the card does not keep what is written to it'
  config_bootcode
}

root_mount() {
  mount_squashfs "$(cache_file "$sd_root")" || fail "$(squashfs_failure)"
  overlay_root "$1"
  persist_bind
}
