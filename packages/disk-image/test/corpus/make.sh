#!/bin/bash
# Makes the small images of this folder with the system's own tools: dosfstools, mtools, util-linux, e2fsprogs.
# The result is checked in, so that unit tests need none of them. Usage: make.sh [output folder]
set -euo pipefail
out=$(cd "${1:-$(dirname "$0")}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export TZ=UTC LC_ALL=C.UTF-8 MTOOLS_SKIP_CHECK=1 E2FSPROGS_FAKE_TIME=1700000000 SOURCE_DATE_EPOCH=1700000000
uuid=6b1d4a4e-0d0c-4a5e-9a57-0123456789ab

keep() { gzip -9nc "$1" >"$out/$1.gz"; }

stamp() { find "$1" -exec touch -h -d @1700000000 {} +; }

fat_image() { # name, size in KiB, mkfs.vfat options
  local image=$1 size=$2 i
  shift 2
  truncate -s "${size}K" "$image"
  mkfs.vfat --invariant -i 1234abcd -n BOOTFS "$@" "$image" >/dev/null
  mmd -i "$image" ::overlays '::A Folder with a long näme'
  printf 'arm_64bit=1\n' >config.txt
  printf 'console=tty1 root=PARTUUID=1234abcd-02\n' >cmdline.txt
  seq 1 3000 >numbers.txt
  touch -d @1700000000 config.txt cmdline.txt numbers.txt
  mcopy -m -i "$image" config.txt cmdline.txt ::
  mcopy -m -i "$image" numbers.txt ::FIXUP4.DAT
  for i in 1 2 3 4 5 6; do mcopy -m -i "$image" cmdline.txt "::overlays/an-overlay-number-$i.dtbo"; done
  mcopy -m -i "$image" numbers.txt '::A Folder with a long näme/vc4 kms ❤ v3d.dtbo'
  # A deleted entry, and a file whose chain is in two pieces.
  mdel -i "$image" ::overlays/an-overlay-number-3.dtbo
  mcopy -m -i "$image" numbers.txt ::overlays/README
  keep "$image"
}

fat_image fat12.img 256 -F 12 -s 1 -r 64
fat_image fat16.img 2400 -F 16 -s 1 -r 64
fat_image fat32.img 33700 -F 32 -s 1 -f 1

truncate -s 256K mbr.img
sfdisk -q mbr.img <<'END'
label: dos
label-id: 0x1234abcd
unit: sectors
start=1, size=100, type=c, bootable
start=101, size=50, type=83
start=160, size=340, type=5
start=161, size=20, type=83
start=190, size=30, type=82
start=230, size=40, type=83
END
keep mbr.img

gpt_table() {
  cat <<'END'
label: gpt
label-id: 6B1D4A4E-0D0C-4A5E-9A57-0123456789AB
END
  echo "start=$1, size=$2, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=11111111-2222-3333-4444-555555555555, name=\"boot ❤\""
  echo "start=$3, size=$4, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=66666666-7777-8888-9999-AAAAAAAAAAAA, name=\"root\", attrs=\"LegacyBIOSBootable\""
}
truncate -s 128K gpt.img
gpt_table 40 20 64 100 | sfdisk -q gpt.img
keep gpt.img
truncate -s 256K gpt4k.img
# sfdisk has no option for the sector size before 2.39; fdisk loads the same script.
gpt_table 6 4 12 20 >gpt4k.script
printf 'I\ngpt4k.script\nw\n' | fdisk -b 4096 gpt4k.img >/dev/null
keep gpt4k.img

mkdir -p tree/etc tree/usr/bin tree/dir tree/many
printf 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' >tree/etc/os-release
printf 'drover\n' >tree/etc/hostname
seq 1 6000 >tree/dir/numbers
ln tree/dir/numbers tree/usr/bin/hard-link
ln -s ../etc/hostname tree/dir/short-link
ln -s "../$(printf 'very-long-%.0s' {1..20})target" tree/dir/long-link
ln -s loop tree/dir/loop
ln -s usr/bin tree/bin
mkfifo tree/dir/fifo
# Twelve pieces with holes between them: more than an inode holds extents for.
for i in {1..12}; do printf 'piece %d\n' "$i" | dd of=tree/dir/sparse bs=1 seek=$((i * 8192)) conv=notrunc status=none; done
truncate -s 150000 tree/dir/sparse
printf end >>tree/dir/sparse
# debugfs reserves blocks for this one: allocated, but to be read as zeros.
truncate -s 20000 tree/dir/reserved
touch "tree/dir/$(printf 'n%.0s' {1..200})" "tree/dir/"$'odd\xff\xfename'
# Two blocks of names, so that the folder has an index.
for i in {1..20}; do : >"tree/many/$(printf 'a-rather-long-file-name-%.0s' {1..3})$i"; done
chmod 4755 tree/etc/hostname
chmod 1777 tree/many
stamp tree

cat >edit.debugfs <<'END'
mknod char c 4 300
mknod block b 8 1
set_inode_field /char mode 020620
set_inode_field /char uid 3000000
set_inode_field /char gid 70000
set_inode_field /block mode 060660
set_inode_field /char mtime 20231114221320
set_inode_field /block mtime 20231114221320
set_inode_field /char atime 20231114221320
set_inode_field /block atime 20231114221320
set_inode_field /char ctime 20231114221320
set_inode_field /block ctime 20231114221320
set_inode_field / mode 040751
ea_set -f capability /etc/hostname security.capability
ea_set /etc/hostname user.text hello
ea_set -f large /dir/numbers user.large
ea_set /dir trusted.overlay.opaque y
fallocate /dir/reserved 0 20
END
printf '\001\000\000\002\000\040\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >capability
seq 1 150 >large

ext_image() { # name, size in KiB, mke2fs options
  local image=$1 size=$2
  shift 2
  truncate -s "${size}K" "$image"
  mke2fs -q -F -U "$uuid" -L rootfs -m 0 -N 128 -E "hash_seed=$uuid,root_owner=0:0" -d tree "$@" "$image"
  debugfs -w -f edit.debugfs "$image" >/dev/null 2>&1
  keep "$image"
}

ext_image ext4.img 512 -t ext4 -b 1024 -I 256 -O ^has_journal,^resize_inode
ext_image ext4-plain.img 512 -t ext4 -b 1024 -I 256 -O ^has_journal,^metadata_csum,^64bit,^resize_inode
ext_image ext4-inline.img 512 -t ext4 -b 1024 -I 256 -O ^has_journal,^metadata_csum,^resize_inode,inline_data,ea_inode,meta_bg
ext_image ext2.img 512 -t ext2 -b 1024 -I 128 -O ^resize_inode,^dir_index

# A root that was changed, with all of that in its journal only: debugfs changes a copy, and writes the blocks that differ into the journal
# of the image in two transactions. The first has wrong content for some of them, and for a block that the second revokes.
journal_image() { # name, how debugfs opens the journal, mke2fs options
  local image=$1 open=$2
  shift 2
  truncate -s 8M "$image"
  mke2fs -q -F -U "$uuid" -L rootfs -m 0 -N 128 -E "hash_seed=$uuid,root_owner=0:0" -d tree -t ext4 -b 1024 -I 256 -J size=2 \
    -O ^resize_inode "$@" "$image"
  cp "$image" changed
  printf 'installed\n' >new-file
  debugfs -w -f - changed >/dev/null 2>&1 <<'END'
mkdir /lib
write new-file /lib/new-file
rm /etc/hostname
write numbers.txt /dir/more-numbers
END
  cmp -l "$image" changed | awk '{ b = int(($1 - 1) / 1024); if (b != last || NR == 1) print b; last = b }' >differ || true
  while read -r block; do dd if=changed bs=1024 skip="$block" count=1 status=none; done <differ >content
  local list revoked
  list=$(paste -sd, differ)
  revoked=4000
  head -c "$((1024 * ($(wc -l <differ) + 1)))" /dev/zero | tr '\0' x >other
  printf 'jo %s\njw -b %s,%s other\njw -b %s -r %s content\njc\n' "$open" "$list" "$revoked" "$list" "$revoked" |
    debugfs -w -f - "$image" >/dev/null 2>&1
  keep "$image"
}
journal_image ext4-journal.img '-c -v 3'
journal_image ext4-journal-plain.img '' -O ^metadata_csum,^64bit

printf 'tools/file\n' >list
mkdir -p tools
cp config.txt tools/file
printf '%s\n' tools tools/file | cpio --quiet --reproducible -o -H newc >cpio.img 2>/dev/null
keep cpio.img

# A whole card with stand-ins for kernels and programs: only their headers are real.
zeros() { head -c "$1" /dev/zero; }
arm64_kernel() { # flags, release
  zeros 24
  printf '%b' "\\x$1\\0\\0\\0\\0\\0\\0\\0"
  zeros 24
  printf 'ARM\x64'
  zeros 4
  printf 'Linux version %s (builder) #1 SMP\n' "$2"
  zeros 100
}
arm_kernel() { # release
  zeros 36
  printf '\x18\x28\x6f\x01\0\0\0\0\0\0\0\0'
  printf 'Linux version %s (builder) #1 SMP\n' "$1" | gzip -9n
  zeros 16
}
elf_arm64() {
  printf '\x7fELF\x02\x01\x01'
  zeros 9
  printf '\x02\0\xb7\0\x01\0\0\0'
  zeros 100
}
truncate -s 192K boot.fat
mkfs.vfat --invariant -i 1234abcd -n BOOTFS -F 12 -s 1 -r 64 boot.fat >/dev/null
mmd -i boot.fat ::overlays
arm64_kernel 02 6.6.31+rpt-rpi-v8 | gzip -9n >kernel8.img
arm64_kernel 04 6.6.31+rpt-rpi-2712 >kernel_2712.img
arm_kernel 6.6.31+rpt-rpi-v7 >kernel7.img
printf '# card\n[all]\narm_64bit=1\nauto_initramfs=1\n[pi5]\nkernel=kernel_2712.img\n' >config.txt
printf 'console=serial0,115200 root=PARTUUID=1234abcd-02 rootfstype=ext4 init=/usr/lib/raspberrypi-sys-mods/firstboot\n' >cmdline.txt
for f in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat initramfs8 \
  bcm2710-rpi-3-b.dtb bcm2711-rpi-4-b.dtb bcm2712-rpi-5-b.dtb; do printf '%s' "$f" >"$f"; done
touch -d @1700000000 -- *.img *.txt *.bin *.elf *.dat *.dtb initramfs8
mcopy -m -i boot.fat kernel8.img kernel_2712.img kernel7.img config.txt cmdline.txt bootcode.bin start.elf fixup.dat \
  start4.elf fixup4.dat initramfs8 bcm2710-rpi-3-b.dtb bcm2711-rpi-4-b.dtb bcm2712-rpi-5-b.dtb ::
mcopy -m -i boot.fat initramfs8 ::overlays/vc4-kms-v3d.dtbo

modules=root/usr/lib/modules/6.6.31+rpt-rpi-v8
mkdir -p root/etc root/usr/lib/systemd root/usr/sbin $modules/kernel/fs root/usr/lib/modules/without-a-list
ln -s usr/lib root/lib
ln -s usr/sbin root/sbin
ln -s /lib/systemd/systemd root/usr/sbin/init
elf_arm64 >root/usr/lib/systemd/systemd
printf 'ID=debian\nID_LIKE="a b"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' >root/usr/lib/os-release
ln -s ../usr/lib/os-release root/etc/os-release
cat >$modules/modules.dep <<'END'
kernel/fs/overlay.ko.xz:
kernel/fs/squashfs.ko.xz: kernel/lib/xxhash.ko.xz kernel/lib/zstd-decompress.ko.xz
kernel/lib/xxhash.ko.xz:
kernel/lib/zstd-decompress.ko.xz: kernel/lib/xxhash.ko.xz
kernel/fs/loop-a.ko: kernel/fs/loop-b.ko
kernel/fs/loop-b.ko: kernel/fs/loop-a.ko
END
printf 'kernel/fs/ext4/ext4.ko\nkernel/drivers/net/virtio-net.ko\n' >$modules/modules.builtin
cat >$modules/modules.softdep <<'END'
# Soft dependencies extracted from modules themselves.
softdep overlay pre: crypto-xxhash nothing-like-it post: loop-b
END
printf 'alias pci:v00* wrong\nalias crypto-xxhash xxhash\nalias fs-overlayfs overlay\nalias net-pf-1 ext4\n' >$modules/modules.alias
printf 'not a real module\n' | xz -9 >$modules/kernel/fs/overlay.ko.xz
stamp root
truncate -s 256K root.ext4
mke2fs -q -F -U "$uuid" -L rootfs -m 0 -N 64 -E "hash_seed=$uuid,root_owner=0:0" -d root -t ext4 -b 1024 -I 256 \
  -O ^has_journal,^resize_inode,^metadata_csum root.ext4
truncate -s 512K card.img
sfdisk -q card.img <<'END'
label: dos
label-id: 0x1234abcd
start=8, size=384, type=c
start=400, size=512, type=83
END
dd if=boot.fat of=card.img bs=512 seek=8 conv=notrunc status=none
dd if=root.ext4 of=card.img bs=512 seek=400 conv=notrunc status=none
keep card.img

seq 1 500 >numbers
xz -9 <numbers >numbers.xz
zstd -q -19 <numbers >numbers.zst
gzip -9n <numbers >numbers.gz
lz4 -q <numbers >numbers.lz4
cp numbers.xz numbers.zst numbers.gz numbers.lz4 "$out"
