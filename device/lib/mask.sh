# shellcheck shell=sh
# Keeps the image's system from waiting for disks that are not there, and from first-boot work that is done already or never
# will be. Everything is written to the upper layer, in memory. Uses $root (a prefix, empty in the root itself) and $run.

# Units that repartition or grow a card, make swap files on it, or ask a person something on the console. Names are those of
# Raspberry Pi OS, Debian's Pi images, Ubuntu, DietPi and Armbian.
mask_growth_units='rpi-resize.service rpi-resizerootfs.service resize2fs_once.service
  systemd-growfs-root.service systemd-repart.service
  dietpi-fs_partition_resize.service armbian-resize-filesystem.service'
mask_disk_units="$mask_growth_units systemd-growfs@.service
  dphys-swapfile.service rpi-setup-loop@.service rpi-resize-swap-file.service rpi-zram-writeback.service"
mask_first_boot_units='userconfig.service systemd-firstboot.service
  regenerate_ssh_host_keys.service rpi-generate-ssh-host-keys.service dietpi-firstboot.service armbian-firstrun.service'
mask_init_scripts='resize2fs_once dphys-swapfile regenerate_ssh_host_keys'

mask_unit_folders='etc/systemd/system usr/local/lib/systemd/system usr/lib/systemd/system lib/systemd/system'

# Swap files of images that make one, on the root itself.
mask_swap_units='dphys-swapfile.service rpi-resize-swap-file.service'

# rewrite_table KIND: fstab or crypttab. Its owner and mode stay. Prints how many lines are gone or changed.
rewrite_table() {
  if [ ! -f "$root/etc/$1" ]; then
    echo 0
    return 0
  fi
  awk -v kind="$1" -v disks="$root_has_disks" -v count="$run/count" -f "$lib/fstab.awk" "$root/etc/$1" >"$run/table"
  cmp -s "$run/table" "$root/etc/$1" || cat "$run/table" >"$root/etc/$1"
  cat "$run/count"
}

# has_unit NAME: whether the image has it, as a unit or as a script that systemd makes one of.
has_unit() {
  for mask_folder in $mask_unit_folders; do
    [ ! -e "$root/$mask_folder/$1" ] || return 0
  done
  [ -e "$root/etc/init.d/${1%.service}" ]
}

# mask_unit NAME: systemd will not start it, whoever wants it.
mask_unit() {
  mkdir -p "$root/etc/systemd/system"
  rm -f "$root/etc/systemd/system/$1"
  ln -s /dev/null "$root/etc/systemd/system/$1"
  masked="$masked $1"
}

# mask_units NAME...: those of them that are there.
mask_units() {
  for mask_name in "$@"; do
    if has_unit "$mask_name"; then mask_unit "$mask_name"; fi
  done
}

# Mount and swap units an image brings as files, for disks as fstab would name them and for swap files.
mask_disk_mounts() {
  for mask_folder in $mask_unit_folders; do
    for mask_path in "$root/$mask_folder"/*.mount "$root/$mask_folder"/*.swap; do
      [ -f "$mask_path" ] || continue
      mask_what=$(sed -n 's/^What *= *//p' "$mask_path" | head -n 1)
      case $mask_what in
        /dev/disk/by-id/drover-* | /dev/zram*) continue ;;
        /dev/disk/* | /dev/mmcblk* | /dev/sd* | /dev/nvme* | *UUID=* | *LABEL=*) ;;
        *) case $mask_path in *.swap) ;; *) continue ;; esac ;;
      esac
      mask_unit "${mask_path##*/}"
    done
  done
}

# mask_disk_waiters DEVICES: units of any name that ask for one of these: systemd would wait a minute and a half for it, and then not
# start them.
mask_disk_waiters() {
  mask_asks='^(Requires|BindsTo|Requisite|Wants)='
  for mask_folder in $mask_unit_folders; do
    grep -lE "$mask_asks.*dev-($1)" \
      "$root/$mask_folder"/*.service "$root/$mask_folder"/*.target 2>/dev/null
  done >"$run/waiters"
  while IFS= read -r mask_path; do
    mask_name=${mask_path##*/}
    case $(grep -E "$mask_asks" "$mask_path") in *by*id-drover* | *id*x2ddrover*) continue ;; esac
    case " $masked " in *" $mask_name "*) ;; *) mask_unit "$mask_name" ;; esac
  done <"$run/waiters"
}

# For init systems without units: the scripts are not run at start.
mask_scripts() {
  for mask_name in $mask_init_scripts; do
    for mask_path in "$root"/etc/rc[0-9S].d/S[0-9][0-9]"$mask_name" "$root"/etc/runlevels/*/"$mask_name"; do
      [ -e "$mask_path" ] || [ -L "$mask_path" ] || continue
      rm -f "$mask_path"
      masked="$masked ${mask_path##*/}"
    done
  done
}

# rpi-swap (Raspberry Pi OS 13) puts a file behind its compressed swap in memory; only the file is in the way: it would be in
# memory too, or on a disk behind the network.
mask_swap_file() {
  [ -e "$root/etc/rpi/swap.conf" ] || return 0
  mkdir -p "$root/etc/rpi/swap.conf.d"
  printf '# Written by drover: no swap file in memory or over the network.\n[Main]\nMechanism=zram\n' \
    >"$root/etc/rpi/swap.conf.d/90-drover.conf"
}

# mask_disks: for roots without the image's own disks. Sets mask_lines, adds to masked.
mask_disks() {
  mask_lines=$(($(rewrite_table fstab) + $(rewrite_table crypttab)))
  # Words.
  # shellcheck disable=SC2086
  mask_units $mask_disk_units
  mask_disk_mounts
  mask_disk_waiters 'disk-by|mmcblk|sd[a-z]|nvme|root'
  mask_scripts
  mask_swap_file
}

# mask_other_disks: for a root whose own disk is there, over the network. Partition and file system grow without the image's
# programs (see grow-root), which look for a card, or restart the board when they are done. Sets mask_lines, adds to masked.
mask_other_disks() {
  mask_lines=$(rewrite_table fstab)
  # shellcheck disable=SC2086
  mask_units $mask_swap_units $mask_growth_units
  mask_disk_waiters 'mmcblk|sd[a-z]|nvme|root'
  mask_swap_file
}

# mask_first_boot: on every network root: the identity comes from the server.
mask_first_boot() {
  # shellcheck disable=SC2086
  mask_units $mask_first_boot_units
}
