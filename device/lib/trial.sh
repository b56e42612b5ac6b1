# shellcheck shell=sh
# A new pair of boot files and root is on trial until the board has told that it is up and well: three tries, then the last good pair is
# taken again. `tryboot`: the firmware takes the new files once and goes back by itself. `pointer`: boot.txt points to them, and the
# runtime counts and points back. `root`: the boot files stay, only the root is new. Uses records.sh, sets.sh, card-store.sh.

trial_most=3

# trial_on: whether something is on trial.
trial_on() {
  [ -n "$(remembered trial_root)" ]
}

# trial_set BOOT ROOT METHOD: on trial from the next start on, or with METHOD root from now on. Not durable before records_commit.
# With tryboot who asks the firmware counts, as what was asked for may never run.
trial_set() {
  remember "trial_boot=$1" "trial_root=$2" "trial_method=$3" trial_tries=0
  [ "$3" = pointer ] || remember trial_tries=1
}

trial_clear() {
  remember trial_boot= trial_root= trial_method= trial_tries=
}

# trial_pointer: the file that leads the firmware to what is on trial.
trial_pointer() {
  if [ "$(remembered trial_method)" = tryboot ]; then echo try.txt; else echo boot.txt; fi
}

# trial_restart FOLDER: into the set there, as its method is.
trial_restart() {
  card_open rw || fail 'the FAT partition cannot be written to'
  trial_file=$(trial_pointer)
  set_point "$trial_file" "$1" || fail "$set_why"
  card_close
  [ "$trial_file" != try.txt ] || restart_tryboot
  restart_now
}

# trial_count: the first thing that a board does. Goes on with a trial, or gives it up.
trial_count() {
  trial_on || return 0
  if [ "$(remembered trial_method)" = tryboot ] && [ "$(remembered trial_boot)" = "$set_boot" ]; then return 0; fi
  trial_tries=$(remembered trial_tries)
  is_number "$trial_tries" || trial_tries=0
  if [ "$trial_tries" -ge "$trial_most" ] && [ -n "$(remembered good_root)" ]; then
    trial_give_up
    return 0
  fi
  remember "trial_tries=$((trial_tries + 1))"
  records_commit
  [ "$(remembered trial_boot)" != "$set_boot" ] || return 0
  # A cut came before the pointer was written, or the firmware took the old set again.
  card_open ro || return 0
  trial_folder=$(set_of "$(remembered trial_boot)") || trial_folder=''
  card_close
  if [ -z "$trial_folder" ]; then
    trial_clear
    records_commit
    return 0
  fi
  say "trying set $trial_folder, attempt $((trial_tries + 1)) of $trial_most"
  trial_restart "$trial_folder"
}

# trial_give_up: the last good pair, from here on; told to the server when it is heard of again.
trial_give_up() {
  say "the new root $(short "$(remembered trial_root)") did not come up in $trial_most tries; back to $(short "$(remembered good_root)")"
  remember "bad_boot=$(remembered trial_boot)" "bad_root=$(remembered trial_root)"
  trial_clear
  trial_good=$(remembered good_boot)
  if [ -n "$trial_good" ] && [ "$trial_good" != "$set_boot" ] && card_open rw; then
    if trial_folder=$(set_of "$trial_good") && set_point boot.txt "$trial_folder"; then
      card_close
      records_commit
      restart_now
    fi
    card_close
    report trial info "the boot files of the last good root are damaged: staying with $set_running"
  fi
  records_commit
}

# trial_good: the pair that runs came up and the server knows. With `tryboot`, the firmware is told to take it from now on.
trial_good() {
  if [ "$(remembered trial_method)" = tryboot ] && [ -n "$set_running" ]; then
    card_open rw && set_point boot.txt "$set_running" || return 1
    card_close
  fi
  trial_before=$(remembered good_root)
  [ "$trial_before" = "$1" ] || remember "previous_root=$trial_before"
  remember "good_root=$1" "good_boot=$set_boot" bad_root= bad_boot=
  trial_clear
  records_commit
}

# trial_excuse: the system is well and the server away: this start does not count.
trial_excuse() {
  trial_on || return 0
  trial_tries=$(remembered trial_tries)
  [ "${trial_tries:-0}" -gt 0 ] || return 0
  remember "trial_tries=$((trial_tries - 1))"
  records_commit
}
