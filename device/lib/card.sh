# shellcheck shell=sh
# A board whose kernel came from a card: the settings on its FAT partition say which server to ask what to boot.
# Uses $run, $sys, $patience. What the card says is read by value, never evaluated.

# Seconds a card may take to appear: readers on USB show up after their drivers.
card_patience=30

# is_fat DEVICE: whether a FAT file system begins there. Trying to mount everything would fill the kernel's log.
is_fat() {
  case $(head -c 90 "$1" 2>/dev/null | tr -cd A-Z0-9) in
    *FAT12* | *FAT16* | *FAT32*) ;;
    *) return 1 ;;
  esac
}

# copy_wifi FOLDER: the wireless network that a mounted card names, in our folder or in that of older cards. Where a power cut came while it
# was replaced (see wifi_put), the new one is whole.
copy_wifi() {
  wifi_names='drover/wpa_supplicant.conf drover/wpa_supplicant.previous cattlepi/wpa_supplicant.conf'
  [ ! -f "$1/drover/wpa_supplicant.previous" ] || wifi_names="drover/wpa_supplicant.conf drover/wpa_supplicant.new $wifi_names"
  for wifi_name in $wifi_names; do
    [ -s "$1/$wifi_name" ] || continue
    (
      umask 077
      head -c 65536 "$1/$wifi_name" >"$run/wpa_supplicant.conf"
    )
    return 0
  done
}

# copy_settings FOLDER: takes the settings of a mounted card over. A file from any system and editor will do:
# only printable characters and the ends of lines are kept, so neither carriage returns nor a byte order mark matter.
copy_settings() {
  if [ ! -f "$1/drover/card.conf" ]; then
    is_cattlepi && cattlepi_copy "$1"
    return
  fi
  (
    umask 077
    head -c 4096 "$1/drover/card.conf" | tr -cd '\n -~' >"$run/card.conf"
  )
  # The layout that was put on the card, see root-sd.sh.
  card_layout=''
  if [ -f "$1/drover/sdlayout" ]; then
    card_layout=yes
    head -c 65536 "$1/drover/sdlayout" >"$run/card.sdlayout"
  fi
  card_keeps=''
  [ ! -d "$1/drover/cache" ] || card_keeps=yes
  copy_wifi "$1"
  [ ! -f "$1/drover/card.pub" ] || head -c 1024 "$1/drover/card.pub" >"$run/card.pub"
  [ ! -f "$1/drover/card.ca" ] || head -c 65536 "$1/drover/card.ca" >"$lib/card.ca"
}

# read_card: looks for drover/card.conf on every FAT partition, and on disks that have no partitions. Sets card_device.
read_card() {
  mkdir -p "$run/card"
  for card_block in "$sys"/class/block/*; do
    card_device=/dev/${card_block##*/}
    is_fat "$card_device" || continue
    mount -t vfat -o ro "$card_device" "$run/card" 2>/dev/null || continue
    card_found=no
    if copy_settings "$run/card"; then card_found=yes; fi
    umount "$run/card"
    [ "$card_found" = no ] || return 0
  done
  card_device=''
  return 1
}

# wait_for_card: fails when there is none with settings. Partitions of one disk appear together: where the root of `root=` is there
# and the settings are not, nobody waits.
wait_for_card() {
  card_root=$(kernel_parameter root) || card_root=''
  uptime_now
  card_until=$((now_seconds + card_patience))
  until read_card; do
    if [ -n "$card_root" ] && find_root "$card_root" >/dev/null; then
      read_card
      return
    fi
    uptime_now
    [ "$now_seconds" -lt "$card_until" ] || return 1
    sleep 0.3
  done
}

# card_setting NAME: sets card_value to what the card says, empty when it says nothing.
card_setting() {
  card_value=''
  grep -q "^$1=." "$run/card.conf" || return 0
  card_value=$(value_of "$1" "$run/card.conf") ||
    fail "$1 in drover/card.conf has a character that none may have: letters, digits and . _ : / @ % + , = - are"
}

# step_card: sets url, card_key, card_for (a device), card_hostname, and what net.sh has of the card: card_address, card_gateway, card_dns
# and card_vlan. Fails when neither a card nor drover.server names a server, and there is
# something else to start.
step_card() {
  card_keeps=''
  card_layout=''
  if is_cattlepi; then
    wait_for_card || [ -n "$(kernel_parameter cattlepi_apikey)" ] || fail 'there is no folder cattlepi on a FAT partition, and no cattlepi_apikey'
    # A card of ours may begin as one of CattlePi's.
    if [ ! -e "$run/card.conf" ]; then
      cattlepi_read
      http_server "$url" || fail "cattlepi_base must be http://address:port, with an address of digits: $url"
      return 0
    fi
    card_setting server
    url=$card_value
  elif url=$(kernel_parameter drover.server); then
    read_card || : >"$run/card.conf"
  else
    wait_for_card || return 1
    card_setting server
    url=$card_value
    # One that only says how the board is called: the system is on the card itself.
    [ -n "$url" ] || ! has_parameter root || return 1
  fi
  card_setting key
  card_key=$card_value
  card_setting device
  card_for=$card_value
  card_setting hostname
  card_hostname=$card_value
  card_setting address
  card_address=$card_value
  card_setting gateway
  card_gateway=$card_value
  card_setting dns
  card_dns=$card_value
  card_setting vlan
  card_vlan=$card_value
  rm -f "$run/card.conf"
  http_server "$url" || fail "server in drover/card.conf must be http://address:port, with an address of digits, or https:// beside a drover/card.ca: ${url:-it is missing}"
}

# ask_wait: the server is away, or has nothing for this board yet. A board on a card asks for ever, unless it can start without.
ask_wait() {
  ask_why=$(http_reason http)
  [ "$ask_why" = "$ask_said" ] || say "asking $http_authority again: $ask_why"
  ask_said=$ask_why
  ask_attempt=$((ask_attempt + 1))
  if is_number "$http_retry_after" && [ "$http_retry_after" -le 300 ]; then
    # Chance keeps a hundred boards from coming back in the same second.
    sleep $((http_retry_after + $(random_below 3)))
  else
    sleep "$(back_off "$ask_attempt" 30)"
  fi
}

# step_ask: asks what to boot. Sets session and secret, as the command line of a network boot has them.
step_ask() {
  ask_said=''
  ask_attempt=0
  uptime_now
  ask_until=$((now_seconds + patience))
  (
    umask 077
    printf %s "nonce=$(random_hex 32)&mac=$(url_encode "$mac")&serial=$serial&model=$(url_encode "$(board)")" \
      "&release=$(url_encode "$(uname -r)")${card_for:+&device=$(url_encode "$card_for")}${set_boot:+&boot=$set_boot}" >"$run/ask.form"
  )
  http_auth=${card_key:+Bearer $card_key}
  until http POST /device/v1/boots "$run/ask.form" application/x-www-form-urlencoded; do
    if http_follow /device/v1/boots; then continue; fi
    case $http_status in
      4??)
        fail_delay=60
        fail "the server does not let this card boot: $(http_reason http)"
        ;;
    esac
    uptime_now
    if [ -n "${offline_ready-}" ] && [ "$now_seconds" -ge "$ask_until" ]; then
      missed "$http_authority: $(http_reason http)"
      return 1
    fi
    ask_wait
  done
  rm -f "$run/ask.form"
  session=$(value_of session "$run/http.body")
  case $session in bs_?*) ;; *) fail "the server's answer has no usable session" ;; esac
  secret=$(value_of secret "$run/http.body")
  is_hex 32 "$secret" || fail "the server's answer has no usable secret"
  rm -f "$run/http.body"
  http_auth="Secret $secret"
}
