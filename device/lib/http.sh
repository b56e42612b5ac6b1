# shellcheck shell=sh
# A small HTTP client: busybox nc carries the socket, http-talk speaks. busybox wget would not do: it hides Retry-After and
# what the server says with a refusal, and waits for ever on a line that went dead.
# Uses $run and $lib. Names are not resolved (a static busybox cannot): the server gives its address.

http_limit=30

# http_server URL: where requests go: http://address[:port][/path]. Fails on anything else.
http_server() {
  case $1 in http://?*) ;; *) return 1 ;; esac
  http_rest=${1#http://}
  http_authority=${http_rest%%/*}
  http_base=${http_rest#"$http_authority"}
  http_base=${http_base%/}
  http_address=${http_authority%%:*}
  http_port=${http_authority#"$http_address"}
  http_port=${http_port#:}
  [ -n "$http_port" ] || http_port=80
  case $http_address in '' | *[!A-Za-z0-9.-]*) return 1 ;; esac
  is_number "$http_port"
}

# http_talk [VARIABLE=VALUE...]: one exchange with these settings of http-talk. Head and body are left in $run under the
# name $http_slot, so that a download and the reports about it do not meet.
http_talk() {
  rm -f "$run/$http_slot.head" "$run/$http_slot.body"
  # $http_how is words: nothing, a timeout, or exec.
  # shellcheck disable=SC2086
  $http_how env HTTP_METHOD=GET HTTP_PATH=/ HTTP_HOST="$http_authority" HTTP_AUTH="${http_auth-}" HTTP_SEND='' \
    HTTP_TYPE='' HTTP_FROM='' HTTP_SAVE='' HTTP_HEAD="$run/$http_slot.head" HTTP_BODY="$run/$http_slot.body" "$@" \
    nc -w 10 "$http_address" "$http_port" -e sh "$lib/http-talk" </dev/null 2>/dev/null
}

# http METHOD PATH [FILE [TYPE]]: one request, FILE is its body. Sets http_status (000 when no whole answer came) and
# leaves the answer's body in $run/http.body. Succeeds on 2xx.
http() {
  http_slot=http
  http_how="timeout $http_limit"
  http_talk HTTP_METHOD="$1" HTTP_PATH="$http_base$2" HTTP_SEND="${3-}" HTTP_TYPE="${4-application/octet-stream}"
  http_read_status http
  [ -e "$run/http.body" ] || : >"$run/http.body"
  http_length=$(http_header http content-length)
  if is_number "$http_length" && [ "$(wc -c <"$run/http.body")" -ne "$http_length" ]; then http_status=000; fi
  case $http_status in 2??) return 0 ;; esac
  return 1
}

# http_download SLOT PATH FILE FROM: fetches into FILE, going on at byte FROM when it is not 0. To be run in the background:
# it becomes the one process of the transfer, without a limit in time. The answer is read with http_read_status SLOT.
http_download() {
  http_slot=$1
  http_how='exec'
  http_from=$4
  [ "$http_from" -gt 0 ] || http_from=''
  http_talk HTTP_PATH="$http_base$2" HTTP_SAVE="$3" HTTP_FROM="$http_from"
}

# http_read_status SLOT: sets http_status; 000 when there was no answer.
http_read_status() {
  http_status=000
  [ -s "$run/$1.head" ] || return 0
  read -r _ http_status _ <"$run/$1.head"
  case $http_status in [1-5][0-9][0-9]) ;; *) http_status=000 ;; esac
}

# http_header SLOT NAME: of that answer; empty when absent.
http_header() {
  [ ! -e "$run/$1.head" ] || sed -n "s/^$2: *//Ip" "$run/$1.head" | head -n 1
}

# http_reason SLOT: what the server said in a problem document, or the status, for a person.
http_reason() {
  http_detail=$(sed -n 's/.*"detail" *: *"\([^"\\]*\)".*/\1/p' "$run/$1.body" 2>/dev/null | head -n 1)
  case $http_status in
    000) echo 'no answer' ;;
    *) echo "HTTP $http_status${http_detail:+: $http_detail}" ;;
  esac
}
