# shellcheck shell=sh
# Has the running system start `up`, whatever its init is. Units live in /run; what is written into the root itself is not added
# twice, since a root may keep it. Uses $root, $run.

# init_kind PATH: systemd, openrc, busybox, sysvinit or other, for the program that will be process 1.
init_kind() {
  case $(readlink -f "$root$1") in
    */systemd) echo systemd ;;
    */busybox)
      if [ -e "$root/sbin/openrc" ]; then echo openrc; else echo busybox; fi
      ;;
    */openrc-init) echo openrc ;;
    */init)
      if [ -e "$root/sbin/openrc" ]; then
        echo openrc
      elif grep -qs '^[^#:]*:[^:]*:initdefault:' "$root/etc/inittab"; then
        echo sysvinit
      else
        echo other
      fi
      ;;
    *) echo other ;;
  esac
}

# The unit starts with the first others and watches from there, so that it also sees a start that ends in the emergency shell.
hook_systemd() {
  up_units="$root/run/systemd/system"
  mkdir -p "$up_units/sysinit.target.wants"
  cat >"$up_units/drover-up.service" <<UNIT
[Unit]
Description=Tell Drover that this board is up
DefaultDependencies=no
IgnoreOnIsolate=yes
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=simple
# What keeps disks attached goes on until the file systems on them are unmounted.
KillMode=process
ExecStart=$1/bin/busybox sh $1/lib/up
UNIT
  ln -sf ../drover-up.service "$up_units/sysinit.target.wants/drover-up.service"
}

# hook_line LINE: into inittab, once.
hook_line() {
  grep -qxF -- "$1" "$root/etc/inittab" || printf '\n%s\n' "$1" >>"$root/etc/inittab"
}

# busybox starts `once` entries after those of `sysinit` and `wait`. Without an inittab it has one built in, which a file of
# ours must repeat.
hook_busybox() {
  [ -e "$root/etc/inittab" ] || cat >"$root/etc/inittab" <<'INITTAB'
::sysinit:/etc/init.d/rcS
::askfirst:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/sbin/swapoff -a
::shutdown:/bin/umount -a -r
::restart:/sbin/init
INITTAB
  hook_line "::once:$1/bin/busybox sh $1/lib/up"
}

# An entry at the end of inittab and not a script in rc?.d: those are started by a list made at installation.
hook_sysvinit() {
  hook_line "dr:2345:once:$1/bin/busybox sh $1/lib/up"
}

hook_openrc() {
  mkdir -p "$root/etc/init.d" "$root/etc/runlevels/default"
  cat >"$root/etc/init.d/drover-up" <<SCRIPT
#!/sbin/openrc-run
description="Tell Drover that this board is up"
command=$1/bin/busybox
command_args="sh $1/lib/up"
command_background=true
pidfile=/run/drover-up.pid
depend() { after *; }
SCRIPT
  chmod 755 "$root/etc/init.d/drover-up"
  ln -sf /etc/init.d/drover-up "$root/etc/runlevels/default/drover-up"
}

# hook_up KIND: prints nothing. Fails for an init it does not know: then the initramfs starts `up` itself.
hook_up() {
  case $1 in
    systemd) hook_systemd /run/drover ;;
    busybox) hook_busybox /lib/drover ;;
    sysvinit) hook_sysvinit /lib/drover ;;
    openrc) hook_openrc /lib/drover ;;
    *) return 1 ;;
  esac
}
