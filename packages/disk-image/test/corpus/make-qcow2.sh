#!/bin/bash
# Makes the qcow2 images of this folder with qemu-utils. All hold the same disk of 2 MiB, except that those without a backing file have zeros
# where it would show. The result is checked in, so that unit tests need no qemu. Usage: make-qcow2.sh [output folder]
set -euo pipefail
out=$(cd "${1:-$(dirname "$0")}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# 1 MiB of which each sector is one byte over and over: 1 and its number modulo 255.
perl -e 'print chr(1 + $_ % 255) x 512 for 0 .. 2047' >base.img

keep() { gzip -9nc "$1.qcow2" >"$out/qcow2-$1.img.gz"; }

fill() { # name
  qemu-io -f qcow2 -c 'write -P 0xa1 10k 100k' -c 'write -P 0xa2 700k 50k' -c 'write -P 0xa3 1536k 64k' -c 'write -z -u 256k 128k' \
    -c 'write -z 512k 3k' "$1.qcow2" >/dev/null
}

over() { # name, options
  qemu-img create -q -f qcow2 -b base.img -F raw -o "$2" "$1.qcow2" 2M
  fill "$1"
  keep "$1"
}

alone() { # name, options
  qemu-img create -q -f qcow2 -o "$2" "$1.qcow2" 2M
  fill "$1"
  keep "$1"
}

over 64k cluster_size=64k
over v2 compat=0.10,cluster_size=4k
over 1bit cluster_size=4k,refcount_bits=1
alone 512 cluster_size=512
alone 64bit cluster_size=4k,refcount_bits=64

qemu-img create -q -f qcow2 packed.qcow2 2M
for at in 0 64 1536; do qemu-io -f qcow2 -c "write -c -P 0xa$((at % 7)) ${at}k 64k" packed.qcow2 >/dev/null; done
qemu-io -f qcow2 -c 'write -P 0xa9 704k 1k' packed.qcow2 >/dev/null
keep packed

cp 64k.qcow2 snapshot.qcow2
qemu-img snapshot -c before snapshot.qcow2
qemu-io -f qcow2 -c 'write -P 0xa4 0 64k' snapshot.qcow2 >/dev/null
keep snapshot

# Left by a process that was killed, with reference counts still to be written.
qemu-img create -q -f qcow2 -b base.img -F raw -o cluster_size=4k,lazy_refcounts=on dirty.qcow2 2M
{ qemu-io -f qcow2 -c 'write -P 0xa1 10k 100k' -c 'write -P 0xa2 700k 50k' -c 'write -P 0xa3 1536k 64k' -c 'write -z -u 256k 128k' \
  -c 'write -z 512k 3k' -c flush -c 'sigraise 9' dirty.qcow2 >/dev/null; } 2>/dev/null || true
keep dirty
