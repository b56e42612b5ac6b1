# shellcheck shell=sh
# A tmpfs over a root that is not written: /drover/lower below, $overlay_size of memory above.

# mount_squashfs FILE: as the lower layer.
mount_squashfs() {
  mkdir -p /drover/lower
  mount -t squashfs -o ro,loop "$1" /drover/lower
}

# squashfs_failure: what the kernel said, with the remedy where it is known.
squashfs_failure() {
  overlay_said=$(dmesg | grep -i squashfs | tail -n 2 | sed 's/^\[[^]]*\] *//' | tr '\n' ' ')
  case $overlay_said in
    *compression*'not supported'* | *'nsupported'*compress*)
      echo "the image's kernel $(uname -r) does not know this compression: pack the root with gzip or xz ($overlay_said)"
      ;;
    *) echo "the root cannot be mounted: ${overlay_said:-the kernel does not say why}" ;;
  esac
}

# overlay_root DIRECTORY
overlay_root() {
  mkdir -p /drover/upper "$1"
  mount -t tmpfs -o "size=$overlay_size,mode=755" drover-overlay /drover/upper || fail "no tmpfs of size $overlay_size"
  mkdir -p /drover/upper/upper /drover/upper/work
  # The root folder itself takes owner and mode from the upper layer. Its owner is root, whoever packed it.
  chmod "$(stat -c %a /drover/lower)" /drover/upper/upper
  mount -t overlay -o lowerdir=/drover/lower,upperdir=/drover/upper/upper,workdir=/drover/upper/work drover-root "$1" ||
    fail 'the overlay cannot be mounted'
}
