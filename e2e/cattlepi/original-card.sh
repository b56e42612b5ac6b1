# What the initramfs of a CattlePi card does, in its order, written from what its cards send and expect (no line of it is CattlePi's):
# md5, its kernel parameters, its folder on the FAT partition. Runs in packTestInitramfs. Says `original: ...` on the console.

say() { echo "original: $*"; }
param() { sed -n "s/^\(.* \)\?$1=\([^ ]*\).*$/\2/p" /proc/cmdline; }

mkdir -p /boot /usr/share/udhcpc /lower /upper /root
until [ -b /dev/vda1 ]; do sleep 0.2; done
mount -t vfat /dev/vda1 /boot
folder=/boot/cattlepi
mkdir -p "$folder/images"

cat >/bin/lease <<'LEASE'
#!/bin/busybox sh
case $1 in bound | renew)
  ip addr flush dev "$interface"
  ip addr add "$ip/$mask" dev "$interface"
  ;;
esac
LEASE
chmod 755 /bin/lease
ip link set lo up
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /bin/lease >/dev/null 2>&1 || say 'no lease'

base=$(param cattlepi_base)
key=$(param cattlepi_apikey)
[ ! -f "$folder/apikey" ] || key=$(cat "$folder/apikey")
id=$(param cattlepi_id)
[ ! -f "$folder/id" ] || id=$(cat "$folder/id")
[ -n "$id" ] || id=$(cat /sys/class/net/*/address | grep -v '^00:' | sort | head -n 1)

fetch() { wget -q --header "X-Api-Key: $key" -O "$2" "$1"; }
track() { wget -q --header "X-Api-Key: $key" --header 'Content-Type: application/json' --post-data "{\"info\":\"$1\"}" -O /dev/null "$base/track/$id"; }
# field OBJECT NAME: of the config; no JSON reader is there.
field() { tr -d '\n' <"$folder/config" | sed -n "s/.*\"$1\" *: *{\([^}]*\)}.*/\1/p" | sed -n "s/.*\"$2\" *: *\"\([^\"]*\)\".*/\1/p"; }
text() { tr -d '\n' <"$folder/config" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

online=
wait=1
for _ in 1 2 3 4 5 6 7 8; do
  if wget -q -S -O /dev/null "$base/ping" 2>/tmp/head; then
    online=yes
    break
  fi
  sleep "$wait"
  wait=$((wait * 2))
done
if [ -n "$online" ]; then
  date=$(sed -n 's/^ *Date: *//p' /tmp/head | tr -d '\r')
  date -u -D '%a, %d %b %Y %H:%M:%S' -s "$date" >/dev/null && say "clock $date"
  fetch "$base/boot/$id/config" /tmp/config || say 'no config'
  if [ -s /tmp/config ] && ! cmp -s /tmp/config "$folder/config"; then
    cp /tmp/config "$folder/config"
    say 'a new config'
  fi
  track 'config fetched'
else
  say 'offline'
fi

for part in initfs rootfs; do
  url=$(field "$part" url)
  sum=$(field "$part" md5sum)
  [ -n "$url" ] || continue
  have=$(md5sum <"$folder/images/$sum" 2>/dev/null | cut -d' ' -f1)
  if [ "$have" != "$sum" ]; then
    say "fetching $part"
    fetch "$url" "$folder/images/$sum"
    have=$(md5sum <"$folder/images/$sum" | cut -d' ' -f1)
  fi
  if [ "$have" = "$sum" ]; then say "$part is right"; else say "$part is wrong: $have, not $sum"; fi
done
for path in "$folder"/images/*; do
  case ${path##*/} in "$(field initfs md5sum)" | "$(field rootfs md5sum)") ;; *) rm -f "$path" ;; esac
done

initfs=$(field initfs md5sum)
if [ -n "$initfs" ] && [ "$(cat "$folder/initfs" 2>/dev/null)" != "$initfs" ]; then
  say 'unpacking initfs over /boot'
  track 'initfs updated'
  tar -xzf "$folder/images/$initfs" -C /boot
  echo "$initfs" >"$folder/initfs"
  sync
  umount /boot
  say 'restarting'
  reboot -f
fi

text bootcode | base64 -d >/tmp/bootcode
[ ! -s /tmp/bootcode ] || sh /tmp/bootcode

mount -t squashfs -o loop,ro "$folder/images/$(field rootfs md5sum)" /lower || say 'the root cannot be mounted'
mount -t tmpfs -o size=128m tmpfs /upper
mkdir -p /upper/upper /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work root /root
mkdir -p /root/cattlepi
cp "$folder/config" /root/cattlepi/config
printf %s "$key" >/root/cattlepi/apikey
printf %s "$id" >/root/cattlepi/id
track 'starting the root'
say "root is ready: $(ls /root | tr '\n' ' ')"
exec switch_root /root /sbin/init
