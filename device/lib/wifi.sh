# shellcheck shell=sh
# Wi-Fi, where the card has a wpa_supplicant.conf and the initramfs the part `wifi`: programs, drivers and their firmware. Each radio gets
# a wpa_supplicant of its own; net.sh asks for an address where one is let in.
# A new network that came with the boot config is on trial for some starts, and the one before is taken again when it brings nobody
# through. Uses $run, $sys, $lib, records.sh and card-store.sh.

wifi_home=/lib/wifi

# Starts in which a new network may fail.
wifi_most=3

# wifi_wanted: whether the card names a network.
wifi_wanted() {
  [ -s "$run/wpa_supplicant.conf" ]
}

# wifi_program NAME WORDS...: with its own libraries.
wifi_program() {
  wifi_name=$1
  shift
  "$lib/perl/ld.so" --library-path "$wifi_home:$lib/perl" "$wifi_home/$wifi_name" "$@"
}

# wifi_interfaces: radios that have a wpa_supplicant.
wifi_interfaces() {
  for wifi_pair in ${wifi_started-}; do echo "${wifi_pair%%:*}"; done
}

# wifi_begin: drivers, and what is tried. Sets wifi_why when there can be no Wi-Fi.
wifi_begin() {
  wifi_started=''
  wifi_said=''
  wifi_why=''
  wifi_wanted || return 0
  wifi_count
  if [ ! -e "$wifi_home/wpa_supplicant" ]; then
    wifi_why='the initramfs has no programs for it'
  elif ! load_modules "$wifi_home/$(uname -r)"; then
    wifi_why="the initramfs has no drivers for kernel $(uname -r)"
  fi
  [ -z "$wifi_why" ] || report network info "Wi-Fi is not used: $wifi_why"
  wifi_settings
}

# wifi_settings: what the card says, without what needs a system around it: the group of a control socket, a file to write to.
wifi_settings() {
  (
    umask 077
    # Three bytes that editors on Windows begin a file with.
    tr -d '\r' <"$run/wpa_supplicant.conf" | sed "1s/^$(printf '\357\273\277')//" |
      grep -v '^[[:space:]]*\(ctrl_interface\|ctrl_interface_group\|update_config\)=' >"$run/wpa.conf"
  )
}

# wifi_start: a wpa_supplicant for each radio that has none yet: they show up seconds after their driver, when firmware was loaded.
wifi_start() {
  if [ -n "$wifi_why" ] || ! wifi_wanted; then return 0; fi
  for wifi_path in "$sys"/class/net/*; do
    wifi_radio=${wifi_path##*/}
    is_radio "$wifi_radio" || continue
    case " $wifi_started" in *" $wifi_radio:"*) continue ;; esac
    for wifi_block in "$wifi_path"/phy80211/rfkill*/soft; do
      [ ! -e "$wifi_block" ] || echo 0 >"$wifi_block"
    done
    say "$wifi_radio looks for $(wifi_networks)"
    wifi_awake "$wifi_radio"
    wifi_supplicant "$wifi_radio" &
    wifi_started="$wifi_started $wifi_radio:$!"
  done
  wifi_watch
}

# wifi_supplicant INTERFACE: becomes it. A name that begins with @ is one that systemd leaves alone until the root is unmounted.
wifi_supplicant() {
  # Perl's, not ours.
  # shellcheck disable=SC2016
  exec "$lib/perl/ld.so" --library-path "$lib/perl" "$lib/perl/perl" -e 'exec { $ARGV[0] } @ARGV[1 .. $#ARGV]' \
    "$lib/perl/ld.so" @wpa_supplicant --library-path "$wifi_home:$lib/perl" "$wifi_home/wpa_supplicant" \
    -D nl80211,wext -i "$1" -c "$run/wpa.conf" >"$run/wpa.$1.log" 2>&1 </dev/null
}

# wifi_awake INTERFACE: a radio that sleeps between two beacons answers late, and loses what comes meanwhile.
wifi_awake() {
  wifi_program iw dev "$1" set power_save off >/dev/null 2>&1
}

# wifi_networks: their names, for a person. Digits of those that are not in quotes.
wifi_networks() {
  sed -n 's/^[[:space:]]*ssid=//p' "$run/wpa.conf" | tr '\n' ' ' | sed 's/ $//'
}

# wifi_log WORDS: whether a wpa_supplicant said one of these (a basic regular expression).
wifi_log() {
  cat "$run"/wpa.*.log 2>/dev/null | grep -q "$1"
}

wifi_wrong='reason=WRONG_KEY\|pre-shared key may be incorrect'

# wifi_watch: a wrong password is said when it is seen, not when the time is over.
wifi_watch() {
  if [ -n "$wifi_said" ] || ! wifi_log "$wifi_wrong"; then return 0; fi
  wifi_said=yes
  say "$(wifi_diagnosis)"
}

# wifi_diagnosis: what keeps it from its network, for a person; nothing where that is not known, or it is in.
wifi_diagnosis() {
  wifi_wanted || return 0
  if [ -n "$wifi_why" ]; then
    echo "no Wi-Fi: $wifi_why"
  elif [ -z "$wifi_started" ]; then
    echo "no radio: the image has no driver or no firmware for it ($(wifi_kernel_said))"
  elif wifi_log "$wifi_wrong"; then
    echo "the password of the Wi-Fi network $(wifi_networks) is wrong"
  elif wifi_log 'CTRL-EVENT-CONNECTED'; then
    return 0
  elif wifi_log '^Line [0-9]*:\|Failed to read or parse'; then
    echo "wpa_supplicant.conf on the card cannot be read: $(cat "$run"/wpa.*.log | grep '^Line [0-9]*:' | head -n 1)"
  elif wifi_log 'CTRL-EVENT-[A-Z]*-REJECT'; then
    echo "the Wi-Fi network $(wifi_networks) refuses this board: $(cat "$run"/wpa.*.log | grep -o 'CTRL-EVENT-[A-Z]*-REJECT.*' | tail -n 1)"
  else
    echo "the Wi-Fi network $(wifi_networks) is not in reach: check its name and the country"
  fi
}

wifi_kernel_said() {
  dmesg | grep -i 'brcmfmac\|ieee80211\|firmware' | tail -n 1 | sed 's/^\[[^]]*\] *//'
}

# wifi_end: nobody needs the radios, or the root's own programs do.
wifi_end() {
  for wifi_pair in $wifi_started; do kill "${wifi_pair##*:}" 2>/dev/null; done
  wifi_started=''
}

# wifi_finish: $interface won.
wifi_finish() {
  if is_radio "$interface"; then
    wifi_awake "$interface"
    wifi_trial_end
    return 0
  fi
  # The cable was there: the start says nothing about the network.
  if wifi_on_trial; then wifi_remember "$wifi_before"; fi
  wifi_end
}

# wifi_on_trial: sets wifi_tries. Only a card that keeps something has one.
wifi_on_trial() {
  [ -f "$run/record" ] || return 1
  wifi_tries=$(remembered wifi_tries)
  is_number "$wifi_tries"
}

# wifi_remember TRIES: empty when the trial is over.
wifi_remember() {
  remember "wifi_tries=$1"
  records_commit
}

wifi_trial_end() {
  if wifi_on_trial; then wifi_remember ''; fi
}

# wifi_count: one more start of a trial, or its end. Sets wifi_before, the starts until now.
wifi_count() {
  wifi_before=''
  wifi_on_trial || return 0
  if [ "$wifi_tries" -ge "$wifi_most" ]; then
    wifi_go_back
    return 0
  fi
  wifi_before=$wifi_tries
  wifi_remember $((wifi_tries + 1))
}

# wifi_digest FILE
wifi_digest() {
  wifi_sum=$(sha256sum <"$1")
  echo "${wifi_sum%% *}"
}

# wifi_go_back: to the network before; the one that failed is not taken again from the boot config.
wifi_go_back() {
  remember "wifi_bad=$(wifi_digest "$run/wpa_supplicant.conf")" wifi_tries=
  if card_open rw && [ -s "$run/card/drover/wpa_supplicant.previous" ]; then
    report network info "the new Wi-Fi network brought nobody through in $wifi_most starts: back to the one before"
    cp "$run/card/drover/wpa_supplicant.previous" "$run/wpa_supplicant.conf"
    wifi_put "$run/wpa_supplicant.conf" || report network info 'the card does not keep what is written to it'
  fi
  card_close
  records_commit
}

# wifi_put FILE: becomes drover/wpa_supplicant.conf, and what that was wpa_supplicant.previous. The new one is on the card under a third
# name before, so that a power cut leaves one of them (see copy_wifi). The card is open for writing.
wifi_put() {
  wifi_folder=$run/card/drover
  cp "$1" "$wifi_folder/wpa_supplicant.new" || return 1
  dd if=/dev/null of="$wifi_folder/wpa_supplicant.new" conv=notrunc,fsync 2>/dev/null || return 1
  if [ -f "$wifi_folder/wpa_supplicant.conf" ]; then
    mv -f "$wifi_folder/wpa_supplicant.conf" "$wifi_folder/wpa_supplicant.previous" || return 1
    sync
  fi
  mv -f "$wifi_folder/wpa_supplicant.new" "$wifi_folder/wpa_supplicant.conf" || return 1
  sync
}

# wifi_take: a network in the boot config that the card has not goes onto the card, to be tried from the next start on. What runs stays in
# the network it is in.
wifi_take() {
  wifi_new=$run/config/wpa_supplicant.conf
  [ -s "$wifi_new" ] && [ -f "$run/record" ] || return 0
  if cmp -s "$wifi_new" "$run/wpa_supplicant.conf" || [ "$(wifi_digest "$wifi_new")" = "$(remembered wifi_bad)" ]; then return 0; fi
  card_open rw || return 0
  # Counted first: a trial of the old network does no harm.
  remember wifi_tries=0
  if records_commit && wifi_put "$wifi_new"; then
    report config info 'the Wi-Fi network of the boot config is on the card, to be tried at the next start'
  else
    report config info 'the Wi-Fi network of the boot config cannot be put on the card'
  fi
  card_close
}
