# shellcheck shell=sh
# What the board is, in its own words.

# board: model and serial as the firmware put them into the device tree.
board() {
  tr -d '\0' </proc/device-tree/model 2>/dev/null || echo 'unknown board'
}
serial_number() {
  { tr -d '\0' </proc/device-tree/serial-number || sed -n 's/^Serial[^:]*: *//p' /proc/cpuinfo; } 2>/dev/null |
    tr -cd 0-9a-f | cut -c 1-16
}
