# Turns the lines of a root's fstab (or, with kind=crypttab, of its crypttab) that name disks which are not there into
# comments, and counts them in the file named by `count`. With disks=yes the image's own disk is there: only swap is taken out,
# which over a network can lock a board up, and what may be on another disk is no longer waited for.
#
# Gone are: the root, which is mounted; file systems and swap on partitions; swap files, which would fill the memory the root
# lives in. What comes from the network or from memory stays, and so does what the system does not wait for (nofail, noauto) as
# long as it is no part of the image's own card.

function is_disk(spec) {
  if (spec ~ /^\/dev\/disk\/by-id\/drover-/) return 0
  if (spec ~ /^"?(UUID|LABEL|PARTUUID|PARTLABEL|ID)=/) return 1
  return spec ~ /^\/dev\/(disk\/|mmcblk|sd[a-z]|hd[a-z]|vd[a-z]|nvme|root$|md|mapper\/|dm-)/
}

function is_patient(options) {
  return ("," options ",") ~ /,(nofail|noauto)(=|,)/
}

function is_gone() {
  if (disks == "yes" && $2 != "swap" && $3 != "swap") return 0
  if (kind == "crypttab") return is_disk($2) && !is_patient($4)
  if ($3 == "swap" || $2 == "swap") return $1 !~ /^\/dev\/zram/ && $1 !~ /^\/dev\/disk\/by-id\/drover-/
  if ($2 == "/") return 1
  if (!is_disk($1)) return 0
  return $2 == "/boot" || $2 ~ /^\/boot\// || !is_patient($4)
}

function is_elsewhere() {
  return disks == "yes" && kind == "fstab" && $2 != "/" && $2 !~ /^\/boot(\/|$)/ && is_disk($1) && !is_patient($4)
}

/^[ \t]*(#|$)/ { print; next }
is_gone() { print "# drover: not on this board: " $0; gone++; next }
is_elsewhere() {
  print "# drover: no longer waited for: " $0
  $4 = ($4 == "" ? "defaults" : $4) ",nofail,x-systemd.device-timeout=10"
  print
  gone++
  next
}
{ print }
END { print gone + 0 >count }
