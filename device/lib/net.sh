# shellcheck shell=sh
# An interface with an address. Every wired interface that has a link is asked at once, and every radio that is in its network (see
# wifi.sh); the first one to be reached over wins, a wired one before a radio. The address comes from DHCP, or from the card. Where the
# card or the kernel's command line names a VLAN, it lies on each wired interface.
# Uses $run, $sys, $lib. What an interface was given is in $run/lease.<interface>, written by udhcpc-script, or here.

# Seconds that a wired interface with a link may come behind a radio.
net_grace=5

# wired_interfaces: names of Ethernet interfaces with a device behind them, without radios.
wired_interfaces() {
  for net_path in "$sys"/class/net/*; do
    [ -e "$net_path/device" ] || continue
    if is_radio "${net_path##*/}"; then continue; fi
    read -r net_type <"$net_path/type"
    [ "$net_type" != 1 ] || echo "${net_path##*/}"
  done
}

# is_radio INTERFACE
is_radio() {
  [ -e "$sys/class/net/$1/wireless" ] || [ -e "$sys/class/net/$1/phy80211" ]
}

# has_link INTERFACE: a radio has one when it is let in, which is later than its carrier.
has_link() {
  if is_radio "$1"; then
    [ "$(cat "$sys/class/net/$1/operstate" 2>/dev/null)" = up ]
  else
    [ "$(cat "$sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]
  fi
}

# is_ipv4 TEXT
is_ipv4() {
  case $1 in
    *.*.*.*.*) return 1 ;;
    *.*.*.*) ;;
    *) return 1 ;;
  esac
  net_rest=$1.
  while [ -n "$net_rest" ]; do
    net_part=${net_rest%%.*}
    net_rest=${net_rest#*.}
    is_number "$net_part" && [ "$net_part" -le 255 ] || return 1
  done
}

# ipv4_network ADDRESS LENGTH: a number that is the same for all addresses of a network.
ipv4_network() {
  net_rest=$1.
  net_number=0
  while [ -n "$net_rest" ]; do
    net_number=$((net_number * 256 + ${net_rest%%.*}))
    net_rest=${net_rest#*.}
  done
  echo $((net_number >> (32 - $2)))
}

# net_setting NAME CARD: sets net_value to what the card says, or else the command line (drover.NAME).
net_setting() {
  net_value=$2
  [ -n "$net_value" ] || net_value=$(kernel_parameter "drover.$1") || net_value=''
}

# net_settings: sets net_address (with the length of its prefix), net_gateway, net_dns and net_vlan, each empty where nothing says it.
net_settings() {
  net_setting address "${card_address-}"
  net_address=$net_value
  net_setting gateway "${card_gateway-}"
  net_gateway=$net_value
  net_setting dns "${card_dns-}"
  net_dns=$net_value
  net_setting vlan "${card_vlan-}"
  net_vlan=$net_value
  [ -z "$net_vlan" ] || { is_number "$net_vlan" && [ "$net_vlan" -ge 1 ] && [ "$net_vlan" -le 4094 ]; } ||
    fail "vlan must be a number from 1 to 4094: $net_vlan"
  [ -z "$net_address" ] || net_settings_static
}

# net_settings_static: sets net_prefix and net_probe, the address that tells on which interface the network is.
net_settings_static() {
  net_prefix=${net_address#*/}
  { is_ipv4 "${net_address%%/*}" && is_number "$net_prefix" && [ "$net_prefix" -ge 1 ] && [ "$net_prefix" -le 30 ]; } ||
    fail "address must be like 192.0.2.7/24, with the length of the prefix: $net_address"
  for net_each in $net_gateway $(echo "$net_dns" | tr , ' '); do
    is_ipv4 "$net_each" || fail "gateway and dns must be addresses of digits: $net_each"
  done
  net_probe=${net_gateway:-$http_address}
  [ "$(ipv4_network "$net_probe" "$net_prefix")" = "$(ipv4_network "${net_address%%/*}" "$net_prefix")" ] ||
    fail "$net_probe is not in the network of $net_address: the gateway must be, or without one the server"
}

# dhcp_client INTERFACE: asks until it ends us; with a lease, keeps it renewed. No client id is sent, as the firmware sends
# none, so that the server sees one client and gives one address.
dhcp_client() {
  net_name=${card_hostname:-$(kernel_parameter drover.hostname)} || net_name=''
  net_attempt=0
  while :; do
    udhcpc -f -n -C -t 4 -T 3 -i "$1" -p "$run/udhcpc.$1" -s "$lib/udhcpc-script" ${net_name:+-x "hostname:$net_name"}
    net_attempt=$((net_attempt + 1))
    sleep "$(back_off "$net_attempt" 16)"
  done >/dev/null 2>&1
}

# static_client INTERFACE: has the address there until somebody is reached with it.
static_client() {
  ip -4 addr flush dev "$1"
  ip addr add "$net_address" broadcast + dev "$1"
  net_attempt=0
  until arping -q -f -c 2 -w 2 -I "$1" "$net_probe"; do
    net_attempt=$((net_attempt + 1))
    sleep "$(back_off "$net_attempt" 4)"
  done
  [ -z "$net_gateway" ] || ip route replace default via "$net_gateway" dev "$1"
  static_lease "$1"
} >/dev/null 2>&1

# static_lease INTERFACE: what udhcpc-script writes for a lease.
static_lease() {
  {
    echo "address=${net_address%%/*}"
    echo "prefix=$net_prefix"
    echo "router=$net_gateway"
    echo 'server='
    echo 'lease='
    echo "dns=$net_dns"
  } >"$run/.lease.$1"
  mv "$run/.lease.$1" "$run/lease.$1"
}

# net_over INTERFACE: sets net_on to the interface that carries our packets over this one: itself, or its VLAN.
net_over() {
  net_on=$1
  if [ -z "$net_vlan" ] || is_radio "$1"; then return 0; fi
  net_on=$1.$net_vlan
  [ -e "$sys/class/net/$net_on" ] || ip link add link "$1" name "$net_on" type vlan id "$net_vlan" 2>"$run/vlan.log" || return 1
  ip link set "$net_on" up
}

# net_start_clients: on each interface that has a link and no client yet. Links come and go while they negotiate.
net_start_clients() {
  for net_interface in $(wired_interfaces) $(wifi_interfaces); do
    ip link set "$net_interface" up 2>/dev/null
    has_link "$net_interface" || continue
    net_over "$net_interface" || continue
    case " $net_asked " in *" $net_on "*) continue ;; esac
    net_asked="$net_asked $net_on"
    if [ -n "$net_address" ]; then
      say "$net_on has a link, looking for $net_probe"
      static_client "$net_on" &
    else
      say "$net_on has a link, asking for an address"
      RUN_DIR="$run" dhcp_client "$net_on" &
    fi
    net_clients="$net_clients $net_on:$!"
  done
}

# net_stop_clients [KEPT]: ends the clients but that of interface KEPT, whose address stays.
net_stop_clients() {
  for net_client in $net_clients; do
    net_other=${net_client%%:*}
    [ "$net_other" != "${1-}" ] || continue
    kill "${net_client##*:}" 2>/dev/null
    [ ! -s "$run/udhcpc.$net_other" ] || kill "$(cat "$run/udhcpc.$net_other")" 2>/dev/null
    # Two interfaces with one address would both be sent the answers.
    if [ -n "${1-}" ] && [ -n "$net_address" ]; then ip -4 addr flush dev "$net_other"; fi
  done
}

# What stands in the way, for a person.
net_diagnosis() {
  net_found=$(wired_interfaces | tr '\n' ' ')
  if [ -z "$net_found$net_asked" ] && wifi_wanted; then return 0; fi
  if [ -n "$net_asked" ] && [ -n "$net_address" ]; then
    echo "$net_probe does not answer on${net_asked}: check address, gateway${net_vlan:+, VLAN} and cable"
  elif [ -n "$net_asked" ]; then
    echo "no answer from a DHCP server on${net_asked}"
  elif [ -s "$run/vlan.log" ]; then
    echo "no VLAN $net_vlan on ${net_found% }: $(tail -n 1 "$run/vlan.log"); the image's kernel needs the module 8021q"
  elif [ -z "$net_found" ]; then
    echo "no wired network interface: the image's kernel has no driver for this board's network card"
  else
    echo "no link on ${net_found% }: check the cable and the switch"
  fi
}

# net_missed: says what is in the way. Leaves the wired interface that the card's settings are for to the root.
net_missed() {
  net_why=$(net_diagnosis)
  net_wifi=$(wifi_diagnosis)
  interface=''
  net_link=$(wired_interfaces | head -n 1)
  if [ -n "$net_link" ]; then
    net_over "$net_link" && interface=$net_on
    read -r mac <"$sys/class/net/$net_link/address"
  fi
  missed "$net_why${net_wifi:+${net_why:+; }$net_wifi} (waited $patience s)"
}

# net_choose: sets interface to one that was given an address. Fails while there is none, or a wired one may still come.
net_choose() {
  interface=''
  for net_lease in "$run"/lease.*; do
    [ -s "$net_lease" ] || continue
    interface=${net_lease##*/lease.}
    is_radio "$interface" || return 0
  done
  [ -n "$interface" ] || return 1
  uptime_now
  [ -n "$net_radio_at" ] || net_radio_at=$now_seconds
  [ "$now_seconds" -lt $((net_radio_at + net_grace)) ] || return 0
  for net_wired in $(wired_interfaces); do
    if has_link "$net_wired"; then return 1; fi
  done
}

# step_network: waits at most $patience seconds. Sets interface, mac, address, and net_link, what is below a VLAN.
step_network() {
  net_asked=''
  net_clients=''
  net_radio_at=''
  net_settings
  uptime_now
  net_until=$((now_seconds + patience))
  ip link set lo up 2>/dev/null
  wifi_begin
  while :; do
    wifi_start
    net_start_clients
    if net_choose; then break; fi
    uptime_now
    if [ "$now_seconds" -ge "$net_until" ]; then
      net_missed
      return 1
    fi
    sleep 0.3
  done
  net_stop_clients "$interface"
  wifi_finish
  net_link=${interface%".$net_vlan"}
  address=$(value_of address "$run/lease.$interface")
  read -r mac <"$sys/class/net/$interface/address"
}
