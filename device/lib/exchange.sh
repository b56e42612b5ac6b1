# shellcheck shell=sh
# The one-use secret of the command line becomes a credential of this session. Uses $session, $secret, $nonce, $mac, $serial.

# Longest wait for a root that is being made, in seconds: xz of a large image takes a server half an hour.
exchange_root_limit=7200

# parse_exchange FILE: takes the answer apart into credential, mode, hostname, overlay_size, and what the mode needs. Fails with a
# reason in exchange_wrong when a value is absent or not of its form.
parse_exchange() {
  exchange_wrong=credential
  credential=$(value_of credential "$1")
  is_hex 32 "${credential%%.*}" || return 1
  is_hex 64 "${credential#*.}" || return 1
  exchange_wrong=mode
  mode=$(value_of mode "$1") || return 1
  case $mode in ram | stream | nbd | nfs | sd) ;; *) return 1 ;; esac
  exchange_wrong=hostname
  hostname=$(value_of hostname "$1") || return 1
  case $hostname in '' | -* | *[!a-zA-Z0-9.-]*) return 1 ;; esac
  exchange_wrong=overlaySize
  overlay_size=$(value_of overlaySize "$1") || return 1
  case ${overlay_size%[%kmg]} in '' | *[!0-9]*) return 1 ;; esac
  case $mode in
    ram) parse_download "$1" || return 1 ;;
    nbd | stream) parse_block_device "$1" || return 1 ;;
    nfs) parse_directory "$1" || return 1 ;;
  esac
  exchange_wrong=''
}

# parse_download FILE: root_sha256 and root_size.
parse_download() {
  exchange_wrong=rootSha256
  root_sha256=$(value_of rootSha256 "$1")
  is_hex 64 "$root_sha256" || return 1
  exchange_wrong=rootSize
  root_size=$(value_of rootSize "$1")
  is_number "$root_size"
}

# parse_block_device FILE: nbd_port, nbd_export, nbd_secret, nbd_partition and nbd_fs.
parse_block_device() {
  exchange_wrong=nbdPort
  nbd_port=$(value_of nbdPort "$1")
  is_number "$nbd_port" || return 1
  exchange_wrong=nbdExport
  nbd_export=$(value_of nbdExport "$1")
  [ -n "$nbd_export" ] || return 1
  exchange_wrong=nbdSecret
  # Only a server that ties an export to an address needs one.
  nbd_secret=$(value_of nbdSecret "$1") || nbd_secret=''
  [ -z "$nbd_secret" ] || is_hex 32 "$nbd_secret" || return 1
  exchange_wrong=nbdPartition
  nbd_partition=$(value_of nbdPartition "$1")
  is_number "$nbd_partition" || return 1
  exchange_wrong=nbdFs
  nbd_fs=$(value_of nbdFs "$1")
  case $nbd_fs in ext2 | ext3 | ext4 | squashfs) ;; *) return 1 ;; esac
}

# parse_directory FILE: nfs_path, nfs_port, nfs_mount_port and nfs_versions.
parse_directory() {
  exchange_wrong=nfsPath
  nfs_path=$(value_of nfsPath "$1")
  case $nfs_path in /*) ;; *) return 1 ;; esac
  exchange_wrong=nfsPort
  nfs_port=$(value_of nfsPort "$1")
  is_number "$nfs_port" || return 1
  exchange_wrong=nfsMountPort
  nfs_mount_port=$(value_of nfsMountPort "$1")
  is_number "$nfs_mount_port" || return 1
  exchange_wrong=nfsVersions
  nfs_versions=$(value_of nfsVersions "$1")
  case $nfs_versions in 3 | 4 | 3,4) ;; *) return 1 ;; esac
}

# The server said 503: the root is being made, or a part of the server is away.
exchange_wait() {
  exchange_after=$http_retry_after
  if ! is_number "$exchange_after" || [ "$exchange_after" -gt 300 ]; then exchange_after=5; fi
  exchange_why=$(http_reason http)
  [ "$exchange_why" = "$exchange_said" ] || report exchange progress "waiting for the root to be made ($exchange_why)"
  exchange_said=$exchange_why
  # Chance keeps a hundred boards from coming back in the same second.
  sleep $((exchange_after + $(random_below 3)))
}

# step_exchange: the same nonce in every attempt, so that an answer lost on the way can be asked for again.
step_exchange() {
  exchange_said=''
  exchange_attempt=0
  uptime_now
  exchange_until=$((now_seconds + patience))
  exchange_root_until=$((now_seconds + exchange_root_limit))
  exchange_memory=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
  printf %s "secret=$secret&nonce=$nonce&mac=$(url_encode "$mac")&serial=$serial&release=$(url_encode "$(uname -r)")${exchange_memory:+&memory=$exchange_memory}${exchange_known:+&known=$(url_encode "$exchange_known")}" \
    >"$run/exchange.form"
  while :; do
    http POST "/device/v1/sessions/$session/exchange" "$run/exchange.form" application/x-www-form-urlencoded
    uptime_now
    case $http_status in
      200) break ;;
      503)
        if [ "$now_seconds" -ge "$exchange_root_until" ]; then
          missed "the root was not ready in $exchange_root_limit s"
          return 1
        fi
        exchange_wait
        uptime_now
        exchange_until=$((now_seconds + patience))
        continue
        ;;
      4??)
        fail_delay=60
        fail "the server refuses this boot: $(http_reason http)"
        ;;
    esac
    if [ "$now_seconds" -ge "$exchange_until" ]; then
      missed "the exchange failed: $(http_reason http) (tried $patience s)"
      return 1
    fi
    exchange_attempt=$((exchange_attempt + 1))
    sleep "$(back_off "$exchange_attempt" 16)"
  done
  rm -f "$run/exchange.form"
  parse_exchange "$run/http.body" || fail "the server's answer has no usable $exchange_wrong"
  rm -f "$run/http.body"
  http_auth="Bearer $credential"
}
