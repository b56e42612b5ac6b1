# shellcheck shell=sh
# A tmpfs over a root that is not written: /drover/lower below, $overlay_size of memory above.

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
