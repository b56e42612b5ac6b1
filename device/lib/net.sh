# shellcheck shell=sh
# A wired interface with a lease. Every wired interface is asked at once; the first lease wins.
# Uses $run, $sys, $lib. Leases are files $run/lease.<interface>, written by udhcpc-script.

# wired_interfaces: names of Ethernet interfaces with a device behind them, without radios.
wired_interfaces() {
  for net_path in "$sys"/class/net/*; do
    [ -e "$net_path/device" ] || continue
    if [ -e "$net_path/wireless" ] || [ -e "$net_path/phy80211" ]; then continue; fi
    read -r net_type <"$net_path/type"
    [ "$net_type" != 1 ] || echo "${net_path##*/}"
  done
}

# has_carrier INTERFACE
has_carrier() {
  [ "$(cat "$sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]
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

# Starts a client on each interface that has a carrier and no client yet. Links come and go while they negotiate.
net_start_clients() {
  for net_interface in $(wired_interfaces); do
    ip link set "$net_interface" up 2>/dev/null
    has_carrier "$net_interface" || continue
    case " $net_asked " in *" $net_interface "*) continue ;; esac
    net_asked="$net_asked $net_interface"
    say "$net_interface has a link, asking for an address"
    RUN_DIR="$run" dhcp_client "$net_interface" &
    net_clients="$net_clients $net_interface:$!"
  done
}

# net_stop_clients [KEPT]: ends the DHCP clients but that of interface KEPT. The address stays.
net_stop_clients() {
  for net_client in $net_clients; do
    [ "${net_client%%:*}" != "${1-}" ] || continue
    kill "${net_client##*:}" 2>/dev/null
    [ ! -s "$run/udhcpc.${net_client%%:*}" ] || kill "$(cat "$run/udhcpc.${net_client%%:*}")" 2>/dev/null
  done
}

# What stands in the way, for a person.
net_diagnosis() {
  net_found=$(wired_interfaces | tr '\n' ' ')
  if [ -z "$net_found" ]; then
    echo "no wired network interface: the image's kernel has no driver for this board's network card"
  elif [ -z "$net_asked" ]; then
    echo "no link on ${net_found% }: check the cable and the switch"
  else
    echo "no answer from a DHCP server on${net_asked}"
  fi
}

# step_network: waits at most $patience seconds. Sets interface, mac and address.
step_network() {
  net_asked=''
  net_clients=''
  uptime_now
  net_until=$((now_seconds + patience))
  ip link set lo up 2>/dev/null
  while :; do
    net_start_clients
    for net_lease in "$run"/lease.*; do
      [ -s "$net_lease" ] && break 2
    done
    uptime_now
    if [ "$now_seconds" -ge "$net_until" ]; then
      missed "$(net_diagnosis) (waited $patience s)"
      return 1
    fi
    sleep 0.3
  done
  interface=${net_lease##*/lease.}
  net_stop_clients "$interface"
  address=$(value_of address "$net_lease")
  read -r mac <"$sys/class/net/$interface/address"
}
