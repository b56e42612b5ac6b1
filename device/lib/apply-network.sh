# shellcheck shell=sh
# The network that a card asks for, in the root: what the image has for its network is told of the address, the VLAN and the Wi-Fi. Only
# one program is told, since two would both give an interface its address. An image is left alone where the card asks for nothing.
# Uses $root, $run and $sys; what is set is read from $state by apply_network.

# Of profiles of NetworkManager that refer to each other.
net_uuid_link=6d0be700-0000-4000-8000-000000000001
net_uuid_wired=6d0be700-0000-4000-8000-000000000002

# has_program NAME: whether the image has it.
has_program() {
  for net_folder in sbin usr/sbin bin usr/bin lib/systemd usr/lib/systemd; do
    [ ! -e "$root/$net_folder/$1" ] || return 0
  done
  return 1
}

# is_started NAME: whether the image's init starts it.
is_started() {
  for net_path in "$root"/etc/systemd/system/*.wants/"$1".service "$root"/etc/rc[2-5].d/S[0-9][0-9]"$1" "$root"/etc/runlevels/*/"$1"; do
    if [ -e "$net_path" ] || [ -L "$net_path" ]; then return 0; fi
  done
  return 1
}

# root_manager: prints which program manages the image's network: what is started, else what is there.
root_manager() {
  if is_started NetworkManager; then
    echo NetworkManager
  elif is_started systemd-networkd; then
    echo systemd-networkd
  elif is_started dhcpcd; then
    echo dhcpcd
  elif [ -e "$root/etc/network/interfaces" ] && has_program ifup; then
    echo ifupdown
  elif has_program NetworkManager; then
    echo NetworkManager
  elif has_program dhcpcd; then
    echo dhcpcd
  else
    return 1
  fi
}

# private FILE: from standard input, for root only: it may have a password.
private() {
  mkdir -p "${1%/*}"
  (
    umask 077
    cat >"$1"
  )
}

# --- systemd-networkd

networkd_address() {
  if [ -z "$net_address" ]; then
    echo DHCP=yes
    return
  fi
  printf 'DHCP=no\nAddress=%s\n' "$net_address"
  [ -z "$net_gateway" ] || echo "Gateway=$net_gateway"
  for net_each in $net_dns_list; do echo "DNS=$net_each"; done
}

# networkd_wired: the interface itself is matched by its address on the wire, since it may get another name. Its VLAN has the same, so that
# its file comes first.
networkd_wired() {
  net_units="$root/etc/systemd/network"
  mkdir -p "$net_units"
  if [ -z "$net_vlan" ]; then
    printf '[Match]\nMACAddress=%s\n\n[Network]\n%s\n' "$net_mac" "$(networkd_address)" >"$net_units/05-drover-wired.network"
    return
  fi
  printf '[NetDev]\nName=%s\nKind=vlan\n\n[VLAN]\nId=%s\n' "$net_interface" "$net_vlan" >"$net_units/04-drover-vlan.netdev"
  printf '[Match]\nName=%s\n\n[Network]\n%s\n' "$net_interface" "$(networkd_address)" >"$net_units/04-drover-vlan.network"
  printf '[Match]\nMACAddress=%s\n\n[Network]\nVLAN=%s\nDHCP=no\nLinkLocalAddressing=no\n' "$net_mac" "$net_interface" \
    >"$net_units/05-drover-link.network"
}

networkd_wifi() {
  mkdir -p "$root/etc/systemd/network" "$root/etc/systemd/system/multi-user.target.wants"
  printf '[Match]\nName=wl*\n\n[Network]\n%s\n' "$(networkd_address)" >"$root/etc/systemd/network/06-drover-wifi.network"
  for net_radio in $net_radios; do
    private "$root/etc/wpa_supplicant/wpa_supplicant-$net_radio.conf" <"$net_wifi"
    ln -sf /lib/systemd/system/wpa_supplicant@.service \
      "$root/etc/systemd/system/multi-user.target.wants/wpa_supplicant@$net_radio.service"
  done
}

# --- NetworkManager

nm_address() {
  if [ -z "$net_address" ]; then
    printf '[ipv4]\nmethod=auto\n'
    return
  fi
  printf '[ipv4]\nmethod=manual\naddress1=%s%s\n' "$net_address" "${net_gateway:+,$net_gateway}"
  [ -z "$net_dns_list" ] || echo "dns=$(echo "$net_dns_list" | tr ' ' ';');"
}

# nm_profile NAME ID UUID TYPE LINES
nm_profile() {
  printf '[connection]\nid=%s\nuuid=%s\ntype=%s\nautoconnect=true\nautoconnect-priority=100\n%s\n' "$2" "$3" "$4" "$5" |
    private "$root/etc/NetworkManager/system-connections/$1.nmconnection"
}

nm_wired() {
  if [ -z "$net_vlan" ]; then
    nm_profile drover-wired 'Drover: wired' "$net_uuid_wired" ethernet "
[ethernet]
mac-address=$net_mac

$(nm_address)"
    return
  fi
  nm_profile drover-link 'Drover: below the VLAN' "$net_uuid_link" ethernet "
[ethernet]
mac-address=$net_mac

[ipv4]
method=disabled

[ipv6]
method=disabled"
  nm_profile drover-wired "Drover: VLAN $net_vlan" "$net_uuid_wired" vlan "interface-name=$net_interface

[vlan]
id=$net_vlan
parent=$net_uuid_link

$(nm_address)"
}

# nm_ssid VALUE: as bytes, whichever way wpa_supplicant has it.
nm_ssid() {
  case $1 in
    '"'*'"')
      net_text=${1#?}
      printf %s "${net_text%?}" | od -An -v -tu1
      ;;
    *) echo "$1" | sed 's/../0x& /g' | tr ' ' '\n' | while read -r net_byte; do [ -z "$net_byte" ] || echo $((net_byte)); done ;;
  esac | tr -s ' \n' ';' | sed 's/^;*//; s/;*$/;/'
}

# nm_secret VALUE: a password in quotes, or a key of digits.
nm_secret() {
  case $1 in
    '"'*'"')
      net_text=${1#?}
      printf %s "${net_text%?}" | sed 's/\\/\\\\/g; s/^ /\\s/'
      ;;
    *) printf %s "$1" ;;
  esac
}

# nm_network: one that was read from wpa_supplicant.conf. Networks with certificates are left to who made the image.
nm_network() {
  net_count=$((net_count + 1))
  case ${wpa_key_mgmt:-WPA-PSK} in
    *EAP* | *8021X*) return 0 ;;
    NONE) net_security='' ;;
    SAE) net_security="
[wifi-security]
key-mgmt=sae
psk=$(nm_secret "${wpa_sae_password:-$wpa_psk}")
" ;;
    *) net_security="
[wifi-security]
key-mgmt=wpa-psk
psk=$(nm_secret "$wpa_psk")
" ;;
  esac
  net_hidden=''
  [ "$wpa_scan_ssid" != 1 ] || net_hidden='hidden=true'
  nm_profile "drover-wifi-$net_count" "Drover: Wi-Fi $net_count" "6d0be700-0000-4000-8000-0000000001$(printf %02d "$net_count")" wifi "
[wifi]
mode=infrastructure
powersave=2
ssid=$(nm_ssid "$wpa_ssid")
$net_hidden
$net_security
$(nm_address)"
}

# nm_wifi: a profile for each network. Leading space is none of a value's; `#` begins a comment at the start of a line only.
nm_wifi() {
  net_count=0
  net_inside=''
  while IFS= read -r net_line || [ -n "$net_line" ]; do
    net_line=$(printf %s "$net_line" | tr -d '\r' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//')
    case $net_line in
      network=*'{')
        net_inside=yes
        wpa_ssid='' wpa_psk='' wpa_key_mgmt='' wpa_sae_password='' wpa_scan_ssid=''
        ;;
      '}')
        if [ -n "$net_inside" ] && [ -n "$wpa_ssid" ] && [ "$net_count" -lt 32 ]; then nm_network; fi
        net_inside=''
        ;;
      ssid=*) wpa_ssid=${net_line#*=} ;;
      psk=*) wpa_psk=${net_line#*=} ;;
      key_mgmt=*) wpa_key_mgmt=${net_line#*=} ;;
      sae_password=*) wpa_sae_password=${net_line#*=} ;;
      scan_ssid=*) wpa_scan_ssid=${net_line#*=} ;;
    esac
  done <"$net_wifi"
  net_file="$root/var/lib/NetworkManager/NetworkManager.state"
  if [ -f "$net_file" ]; then sed -i 's/^WirelessEnabled=.*/WirelessEnabled=true/' "$net_file"; fi
}

# --- dhcpcd

# dhcpcd_before LINE: in front of what is said of single interfaces.
dhcpcd_before() {
  { echo "$1" && cat "$root/etc/dhcpcd.conf"; } >"$run/dhcpcd.conf"
  cat "$run/dhcpcd.conf" >"$root/etc/dhcpcd.conf"
}

dhcpcd_address() {
  [ -n "$net_address" ] || return 0
  {
    printf '\n# drover: as the card says.\ninterface %s\nstatic ip_address=%s\n' "$net_interface" "$net_address"
    [ -z "$net_gateway" ] || echo "static routers=$net_gateway"
    [ -z "$net_dns_list" ] || echo "static domain_name_servers=$net_dns_list"
  } >>"$root/etc/dhcpcd.conf"
}

# The VLAN is there already, and stays.
dhcpcd_wired() {
  [ -z "$net_vlan" ] || dhcpcd_before "denyinterfaces $net_link"
  dhcpcd_address
}

# Its hook starts wpa_supplicant with this file.
dhcpcd_wifi() {
  private "$root/etc/wpa_supplicant/wpa_supplicant.conf" <"$net_wifi"
  dhcpcd_address
}

# --- ifupdown

# ifupdown_forget FILE INTERFACE: its stanzas go; two would both be done.
ifupdown_forget() {
  awk -v name="$2" '
    /^[ \t]*(auto|allow-[a-z]+)[ \t]/ { gone = 0; rest = $1; for (i = 2; i <= NF; i++) if ($i != name) rest = rest " " $i
      if (rest != $1) print rest; next }
    /^[ \t]*(iface|mapping)[ \t]/ { gone = ($2 == name) }
    /^[ \t]*(source|source-directory)[ \t]/ { gone = 0 }
    !gone { print }' "$1" >"$run/interfaces"
  cmp -s "$run/interfaces" "$1" || cat "$run/interfaces" >"$1"
}

# ifupdown_stanza MORE: the address is there already, and would be refused.
ifupdown_stanza() {
  for net_file in "$root/etc/network/interfaces" "$root"/etc/network/interfaces.d/*; do
    [ -f "$net_file" ] || continue
    ifupdown_forget "$net_file" "$net_interface"
    [ -z "$net_link" ] || [ "$net_link" = "$net_interface" ] || ifupdown_forget "$net_file" "$net_link"
  done
  {
    printf '\n# drover: as the card says.\nauto %s\n' "$net_interface"
    if [ -z "$net_address" ]; then
      echo "iface $net_interface inet dhcp"
    else
      printf 'iface %s inet static\n  address %s\n' "$net_interface" "$net_address"
      [ -z "$net_gateway" ] || echo "  gateway $net_gateway"
      [ -z "$net_dns_list" ] || echo "  dns-nameservers $net_dns_list"
      echo "  pre-up ip -4 addr flush dev $net_interface || true"
    fi
    echo "$1"
  } >>"$root/etc/network/interfaces"
}

ifupdown_wired() {
  ifupdown_stanza "${net_vlan:+  vlan-raw-device $net_link}"
}

ifupdown_wifi() {
  private "$root/etc/wpa_supplicant/wpa_supplicant.conf" <"$net_wifi"
  for net_interface in $net_radios; do
    net_link=$net_interface
    ifupdown_stanza '  wpa-conf /etc/wpa_supplicant/wpa_supplicant.conf'
  done
}

# --- what the card asks for

# root_read NAME: from the runtime's state.
root_read() {
  value_of "$1" "$state" 2>/dev/null || true
}

# root_radios: those of the board now.
root_radios() {
  for net_path in "$sys"/class/net/*; do
    if [ -e "$net_path/wireless" ] || [ -e "$net_path/phy80211" ]; then echo "${net_path##*/}"; fi
  done
}

# Vendors' systems keep radios off until somebody named a country; the card has.
root_unblock() {
  for net_path in "$root"/var/lib/systemd/rfkill/*:wlan; do
    [ ! -f "$net_path" ] || echo 0 >"$net_path"
  done
}

# apply_network: tells the image's program. Sets net_told, for a person; leaves $run/wifi-taken where the root looks after the radios from
# its start on.
apply_network() {
  net_told=''
  net_wifi=$run/wpa_supplicant.conf
  # The card comes first: it knows where it is.
  [ -s "$net_wifi" ] || net_wifi=$(first_boot_wifi) || net_wifi=$run/wpa_supplicant.conf
  net_interface=$(root_read interface)
  net_link=$(root_read link)
  net_mac=$(root_read mac)
  net_vlan=$(root_read vlan)
  net_address=$(root_read address)
  net_gateway=$(root_read gateway)
  net_dns_list=$(root_read dns | tr , ' ')
  net_radios=$(root_radios | tr '\n' ' ')
  case " $net_radios" in *" $net_interface "*) net_over_radio=yes ;; *) net_over_radio='' ;; esac
  if [ -z "$net_vlan$net_address" ] && { [ ! -s "$net_wifi" ] || [ -z "$net_radios" ]; }; then return 0; fi
  net_manager=$(root_manager) || {
    net_told='; nothing in the image that could be told of the network'
    return 0
  }
  case $net_manager in
    NetworkManager) net_by='nm' ;;
    systemd-networkd) net_by='networkd' ;;
    *) net_by=$net_manager ;;
  esac
  if [ -n "$net_vlan$net_address" ] && [ -n "$net_interface" ] && [ -z "$net_over_radio" ]; then
    "${net_by}_wired"
    # It is that interface's alone.
    net_address=''
  fi
  # A root that lives on the network keeps the way it has.
  if [ -s "$net_wifi" ] && [ -n "$net_radios" ] && [ "$root_needs_network" != yes ]; then
    root_unblock
    "${net_by}_wifi"
    : >"$run/wifi-taken"
  fi
  net_told="; network by $net_manager"
}
