# shellcheck shell=sh
# For roots that live on the network: whatever manages the network in the image must not take down the interface the root
# comes over, not for a moment and not at shutdown. Uses $root.

# keep_in_networkd INTERFACE: a drop-in for each network file, since any of them may be the one that matches.
keep_in_networkd() {
  for keep_folder in etc/systemd/network usr/lib/systemd/network lib/systemd/network; do
    for keep_path in "$root/$keep_folder"/*.network; do
      [ -f "$keep_path" ] || continue
      keep_dropin="$root/etc/systemd/network/${keep_path##*/}.d"
      mkdir -p "$keep_dropin"
      # Options of [DHCPv4] that systemd of 2019 and later knows; older ones skip them with a warning.
      printf '[Network]\nKeepConfiguration=yes\n\n[DHCPv4]\nClientIdentifier=mac\nSendRelease=no\n' \
        >"$keep_dropin/90-drover.conf"
    done
  done
}

# keep_in_network_manager MAC: NetworkManager leaves it alone; the lease is ours (see net.sh).
keep_in_network_manager() {
  [ -d "$root/etc/NetworkManager" ] || return 0
  mkdir -p "$root/etc/NetworkManager/conf.d"
  printf '[keyfile]\nunmanaged-devices+=mac:%s\n' "$1" >"$root/etc/NetworkManager/conf.d/90-drover.conf"
}

# keep_in_dhcpcd INTERFACE
keep_in_dhcpcd() {
  [ -f "$root/etc/dhcpcd.conf" ] || return 0
  ! grep -q "^interface $1\$" "$root/etc/dhcpcd.conf" || return 0
  grep -q '^persistent' "$root/etc/dhcpcd.conf" ||
    printf '\n# drover: the root is on the network, keep the address at exit.\npersistent\n' >>"$root/etc/dhcpcd.conf"
  printf '\n# drover: the root comes over this interface.\ninterface %s\nnolink\n' "$1" >>"$root/etc/dhcpcd.conf"
}

# keep_in_ifupdown INTERFACE
keep_in_ifupdown() {
  [ -f "$root/etc/network/interfaces" ] || return 0
  ! grep -qs "^EXCLUDE_INTERFACES=\"$1 " "$root/etc/default/networking" || return 0
  mkdir -p "$root/etc/default"
  cat >>"$root/etc/default/networking" <<DEFAULTS

# drover: the root comes over this interface.
EXCLUDE_INTERFACES="$1 \${EXCLUDE_INTERFACES:-}"
DEFAULTS
}

# keep_network INTERFACE MAC
keep_network() {
  keep_in_networkd
  keep_in_network_manager "$2"
  keep_in_dhcpcd "$1"
  keep_in_ifupdown "$1"
}
