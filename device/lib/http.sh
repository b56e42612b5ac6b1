# shellcheck shell=sh
# A small HTTP client: busybox nc carries the socket, http-talk speaks. busybox wget would not do: it hides Retry-After and
# what the server says with a refusal, and waits for ever on a line that went dead.
# Uses $run and $lib. Names are not resolved (a static busybox cannot): the server gives its address. With https, tls-talk takes nc's
# place; it needs what only cards have: an authority (card.ca) and openssl.

http_limit=30

# http_server URL: where requests go: http://address[:port][/path], or https where the card has an authority. Fails on anything else.
http_server() {
  http_tls=''
  case $1 in
    http://?*) http_rest=${1#http://} ;;
    https://?*)
      [ -s "$lib/card.ca" ] && [ -e "$lib/card/openssl" ] || return 1
      http_rest=${1#https://}
      http_tls=yes
      ;;
    *) return 1 ;;
  esac
  http_authority=${http_rest%%/*}
  http_base=${http_rest#"$http_authority"}
  http_base=${http_base%/}
  http_address=${http_authority%%:*}
  http_port=${http_authority#"$http_address"}
  http_port=${http_port#:}
  [ -n "$http_port" ] || http_port=${http_tls:+443}
  [ -n "$http_port" ] || http_port=80
  case $http_address in '' | *[!A-Za-z0-9.-]*) return 1 ;; esac
  is_number "$http_port"
}

# http_talk SLOT METHOD PATH: one exchange. Head and body are left in $run under the name SLOT, so that a download and the
# reports about it do not meet. $http_how goes before the program: a timeout, or exec.
http_talk() {
  rm -f "$run/$1.head" "$run/$1.body" "$run/$1.tls"
  if [ -n "$http_tls" ]; then
    http_carrier="sh $lib/tls-talk"
  else
    http_carrier="nc -w 10 $http_address $http_port -e sh $lib/http-talk"
  fi
  # shellcheck disable=SC2086
  TLS_ADDRESS=$http_address TLS_PORT=$http_port TLS_PIPE=$run/$1 \
    HTTP_METHOD=$2 HTTP_PATH=$3 HTTP_HOST=$http_authority HTTP_AUTH=${http_auth-} \
    HTTP_SEND=$http_send HTTP_TYPE=$http_type HTTP_FROM=$http_from HTTP_SAVE=$http_save \
    HTTP_HEAD=$run/$1.head HTTP_BODY=$run/$1.body \
    $http_how $http_carrier </dev/null 2>/dev/null
}

# http METHOD PATH [FILE [TYPE]]: one request, FILE is its body. Sets http_status (000 when no whole answer came) and
# leaves the answer's body in $run/http.body. Succeeds on 2xx.
http() {
  http_how="timeout $http_limit"
  http_send=${3-}
  http_type=${4-application/octet-stream}
  http_from=''
  http_save=''
  http_talk http "$1" "$http_base$2"
  http_read_answer http
  [ -e "$run/http.body" ] || : >"$run/http.body"
  case $http_length in
    '' | 0) ;;
    *) [ "$(wc -c <"$run/http.body")" -eq "$http_length" ] || http_status=000 ;;
  esac
  case $http_status in 2??) return 0 ;; esac
  return 1
}

# http_download SLOT PATH FILE FROM: fetches into FILE, going on at byte FROM when it is not 0. To be run in the background:
# it becomes the one process of the transfer, without a limit in time. The answer is read with http_read_answer SLOT.
http_download() {
  http_how='exec'
  http_send=''
  http_type=''
  http_from=$4
  http_save=$3
  [ "$http_from" -gt 0 ] || http_from=''
  http_talk "$1" GET "$http_base$2"
}

# http_follow PATH: goes where the answer says, once: what asked for PATH has found the port of people, and boards have one of their own
# (308, RFC 9110 15.4.9). Sets url.
http_follow() {
  [ "$http_status" = 308 ] && is_plain "$http_location" || return 1
  case $http_location in *"$1") ;; *) return 1 ;; esac
  # What asked in secret is not led out into the open.
  case $http_tls$http_location in yeshttp:*) return 1 ;; esac
  [ "${http_location%"$1"}" != "$url" ] || return 1
  url=${http_location%"$1"}
  http_server "$url"
}

# http_read_answer SLOT: takes the head of the answer apart into http_status (000 when there was none), http_length,
# http_date, http_retry_after and http_location.
http_read_answer() {
  http_status=000
  http_length=''
  http_date=''
  http_retry_after=''
  http_location=''
  [ -s "$run/$1.head" ] || return 0
  {
    read -r _ http_status _
    while read -r http_name http_value; do
      case $http_name in
        [Cc]ontent-[Ll]ength:) http_length=$http_value ;;
        [Dd]ate:) http_date=$http_value ;;
        [Rr]etry-[Aa]fter:) http_retry_after=$http_value ;;
        [Ll]ocation:) http_location=$http_value ;;
      esac
    done
  } <"$run/$1.head"
  case $http_status in [1-5][0-9][0-9]) ;; *) http_status=000 ;; esac
  is_number "$http_length" || http_length=''
}

# http_reason SLOT: what the server said in a problem document, or the status, for a person.
http_reason() {
  http_detail=$(sed -n 's/.*"detail" *: *"\([^"\\]*\)".*/\1/p' "$run/$1.body" 2>/dev/null | head -n 1)
  case $http_status in
    000)
      # verify error:num=20:unable to get local issuer certificate
      http_detail=$(sed -n 's/^verify error:num=[0-9]*:\(.*\)/\1/p' "$run/$1.tls" 2>/dev/null | head -n 1)
      echo "no answer${http_detail:+: the certificate of the server: $http_detail}"
      ;;
    *) echo "HTTP $http_status${http_detail:+: $http_detail}" ;;
  esac
}
