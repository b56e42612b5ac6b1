#!/bin/sh
# Mounts an ext4 image, does what a script says, and takes copies of the image while it is mounted: what a power cut at that moment leaves.
# In a mount namespace of its own, which ends with it: nothing stays mounted. Needs root, for the loop device.
# usage: unshare --mount --propagation private dirty-ext4.sh IMAGE MOUNT-POINT OPTIONS SCRIPT
# The script runs in the mounted root, with a function `cut NAME` that makes the copy IMAGE.NAME.
set -eu
PATH=$PATH:/usr/sbin:/sbin
image=$1
mkdir -p "$2"
# Nothing is to be committed but what is synced: a copy takes longer than a moment.
mount -o "loop,commit=300,$3" "$image" "$2"

# A copy counts when the file stayed the same all the while.
cut() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    cp --sparse=always "$image" "$image.$1"
    if cmp -s "$image" "$image.$1"; then return 0; fi
  done
  echo "the image does not come to rest" >&2
  exit 1
}

cd "$2"
# shellcheck source=/dev/null
. "$4"
