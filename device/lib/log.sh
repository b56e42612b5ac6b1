# shellcheck shell=sh
# The kernel's log over the network, for as long as the kernel runs: what it says is heard even when nothing else can say it any more.

# log_hop: the hardware address that a frame to the server goes to: the server's own, or that of the router before it.
log_hop() {
  # Speaks to the server, so that the kernel has to find out.
  log_limit=$http_limit
  http_limit=3
  http GET /device/v1/time
  http_limit=$log_limit
  log_gateway=$(ip route get "$http_address" 2>/dev/null | sed -n 's/.* via \([0-9.]*\).*/\1/p')
  while read -r log_ip _ _ log_mac _ log_device; do
    case $log_ip/$log_device/$log_mac in
      */00:00:00:00:00:00) continue ;;
      "${log_gateway:-$http_address}/$interface"/*) ;;
      *) continue ;;
    esac
    echo "$log_mac"
    return 0
  done <"${log_arp:-/proc/net/arp}"
  return 1
}

# log_module: path of the module that suits the kernel that runs.
log_module() {
  find "/lib/modules/$(uname -r)" -name netconsole.ko 2>/dev/null | head -n 1
}

# log_to_server: has the kernel send its log, with what it has kept of it, to the port the server named. A board that cannot goes on without.
log_to_server() {
  log_port=$(kernel_parameter drover.log-port) || return 0
  is_number "$log_port" && [ "$log_port" -ge 1 ] && [ "$log_port" -le 65535 ] || return 0
  case $interface in *[!A-Za-z0-9.@_-]* | '') return 0 ;; esac
  log_file=$(log_module)
  if [ -z "$log_file" ]; then
    report network info 'The kernel cannot log to the server: it has no module netconsole.'
    return 0
  fi
  # No frame for all of the network: each line would be one.
  if ! log_to=$(log_hop); then
    report network info 'The kernel cannot log to the server: the way to it has no hardware address.'
    return 0
  fi
  # `+`: the extended format, which has numbers that tell what is missing (Documentation/networking/netconsole.rst).
  log_said=$(insmod "$log_file" "netconsole=+@$address/$interface,$log_port@$http_address/$log_to" 2>&1) ||
    report network info "The kernel does not log to the server: ${log_said##*: }"
}
