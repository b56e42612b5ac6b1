# shellcheck shell=sh
# A card in CattlePi's format: what it says on its command line and in its folder, in our words. Uses $run, $sys, card.sh.

# cattlepi_base: whether the command line is CattlePi's.
is_cattlepi() {
  has_parameter cattlepi_base
}

# cattlepi_file NAME: the first line of a file of its folder, as it was copied; empty when it has none.
cattlepi_file() {
  head -n 1 "$run/cattlepi.$1" 2>/dev/null | tr -d '\r\n'
}

# cattlepi_copy FOLDER: takes over what a mounted card has. A file goes before a parameter.
cattlepi_copy() {
  cattle_folder=$(kernel_parameter cattlepi_dir) || cattle_folder=cattlepi
  # Below the partition, which CattlePi has on /boot.
  cattle_folder=${cattle_folder#/boot/}
  case /$cattle_folder/ in */../*) return 1 ;; esac
  [ -d "$1/$cattle_folder" ] || return 1
  for cattle_name in apikey id; do
    [ ! -f "$1/$cattle_folder/$cattle_name" ] ||
      (umask 077 && head -c 4096 "$1/$cattle_folder/$cattle_name" | tr -cd '\n -~' >"$run/cattlepi.$cattle_name")
  done
  # As it is: a network may have any name. See wifi.sh.
  [ ! -s "$1/$cattle_folder/wpa_supplicant.conf" ] ||
    (umask 077 && head -c 65536 "$1/$cattle_folder/wpa_supplicant.conf" >"$run/wpa_supplicant.conf")
}

# cattlepi_read: sets url, card_key, card_for and card_hostname.
cattlepi_read() {
  url=$(kernel_parameter cattlepi_base)
  card_key=$(cattlepi_file apikey)
  [ -n "$card_key" ] || card_key=$(kernel_parameter cattlepi_apikey) || card_key=''
  card_for=$(cattlepi_file id)
  [ -n "$card_for" ] || card_for=$(kernel_parameter cattlepi_id) || card_for=''
  card_hostname=''
  is_plain "$card_key$card_for" ||
    fail 'the key or id in the folder cattlepi has a character that none may have: letters, digits and . _ : / @ % + , = - are'
  rm -f "$run/cattlepi.apikey" "$run/cattlepi.id"
}
