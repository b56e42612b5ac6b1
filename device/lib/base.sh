# shellcheck shell=sh
# What every part needs: saying things, random waits, and reading values that came from elsewhere.
# Sourced; only defines functions. Uses $run (the runtime's state folder) and $sys (/sys).

# uptime_now: sets now, seconds since the kernel started with hundredths, and now_seconds, whole ones for arithmetic.
uptime_now() {
  read -r now _ </proc/uptime
  now_seconds=${now%%.*}
}

# say WORDS...: a line on the console and in the runtime's own log.
say() {
  echo "drover: $*"
  uptime_now
  echo "$now $*" >>"$run/log"
}

# random_hex COUNT: that many hex digits, 64 at most. The MACs and the serial are stirred in because boards that start at
# the same moment, with nothing stored, may have gathered the same little randomness.
random_hex() {
  {
    head -c 32 /dev/urandom
    cat "$sys"/class/net/*/address /proc/device-tree/serial-number /proc/uptime
  } 2>/dev/null | sha256sum | cut -c "1-$1"
}

# random_below LIMIT: a number from 0 to LIMIT-1.
random_below() {
  echo $((0x$(random_hex 7) % $1))
}

# back_off ATTEMPT LIMIT: seconds to wait before the next attempt: 1, 2, 4 ... LIMIT, and up to half of that on top.
back_off() {
  base_wait=1
  base_count=$1
  while [ "$base_count" -gt 0 ] && [ "$base_wait" -lt "$2" ]; do
    base_wait=$((base_wait * 2))
    base_count=$((base_count - 1))
  done
  [ "$base_wait" -le "$2" ] || base_wait=$2
  echo $((base_wait + $(random_below $((base_wait / 2 + 1)))))
}

# is_plain VALUE: only characters that a shell need not quote (the contract's deviceValue).
is_plain() {
  case $1 in *[!A-Za-z0-9._:/@%+,=-]*) return 1 ;; esac
}

# is_number VALUE: decimal, as shell arithmetic takes it: few digits, no leading zeros.
is_number() {
  case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}

# is_hex LENGTH VALUE
is_hex() {
  [ "${#2}" -eq "$1" ] || return 1
  case $2 in *[!0-9a-f]*) return 1 ;; esac
}

# value_of KEY FILE: the value of the first line KEY=value. Fails when there is none, or when the value has a character
# that a shell would have to quote: nothing that came over the wire is ever evaluated.
value_of() {
  while IFS= read -r base_line || [ -n "$base_line" ]; do
    case $base_line in
      "$1="*)
        is_plain "${base_line#*=}" || return 1
        echo "${base_line#*=}"
        return 0
        ;;
    esac
  done <"$2"
  return 1
}

# kernel_parameter NAME: the value of the last NAME=value on the kernel's command line; fails when there is none, or one
# that is not plain.
kernel_parameter() {
  base_value=''
  base_there=''
  # Words are what we want here.
  # shellcheck disable=SC2013
  for base_word in $(cat "${cmdline_file:-/proc/cmdline}"); do
    case $base_word in
      "$1="*)
        base_value=${base_word#*=}
        base_there=yes
        ;;
    esac
  done
  [ -n "$base_there" ] && is_plain "$base_value" && echo "$base_value"
}

# has_parameter NAME: whether NAME stands on the command line, with or without a value.
has_parameter() {
  case " $(cat "${cmdline_file:-/proc/cmdline}") " in
    *" $1 "* | *" $1="*) return 0 ;;
  esac
  return 1
}

# url_encode VALUE: every byte as %xx, so that nothing needs thought.
url_encode() {
  printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'
}

# query_text TEXT: for people to read, as the value of a query: printable ASCII, 1000 characters at most.
query_text() {
  printf %.1000s "$1" | tr -c ' -~' ' ' | sed 's/%/%25/g; s/ /%20/g; s/"/%22/g; s/#/%23/g; s/&/%26/g; s/+/%2B/g;
    s/;/%3B/g; s/</%3C/g; s/=/%3D/g; s/>/%3E/g; s/?/%3F/g; s/\[/%5B/g; s/\\/%5C/g; s/\]/%5D/g; s/\^/%5E/g; s/`/%60/g;
    s/{/%7B/g; s/|/%7C/g; s/}/%7D/g'
}

# megabytes BYTES: for people, rounded up.
megabytes() {
  echo "$((($1 + 999999) / 1000000)) MB"
}
