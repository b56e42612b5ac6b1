/** What busybox udhcpc runs in the test initramfs to take its lease: shell lines that write and name the script. */
export const takeLease = `
cat >/tmp/lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
echo "LEASE $ip from $serverid"
END
chmod +x /tmp/lease
for card in /sys/class/net/*; do card=\${card##*/}; [ "$card" = lo ] || break; done
ip link set "$card" up
udhcpc -q -n -t 10 -T 2 -i "$card" -s /tmp/lease
`;
