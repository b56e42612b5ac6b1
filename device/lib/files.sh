# shellcheck shell=sh
# The device's own files on a board that is up: what changed at the server since the board got them is written into the running system, or removed from it.
# What did not change there is left alone, whatever became of it here. Uses $root (before each path; empty for the system itself), $run, $files (a folder
# with the `manifest` of what the board has), $session, http.sh, report.sh and has_digest.
# A manifest has a line SHA256 MODE UID GID PATH for each file; the list is called by the sha256 of its manifest.

files_refused=''

# files_follow LIST: when the list of disks says that there are others than those the board has.
files_follow() {
  files_wanted=$(value_of files "$1") && is_hex 64 "$files_wanted" || return 0
  mkdir -p "$files"
  [ -e "$files/manifest" ] || : >"$files/manifest"
  if [ "$files_wanted" = "$files_refused" ] || has_digest "$files_wanted" "$files/manifest"; then return 0; fi
  files_fetch && files_update
  rm -rf "$files/new"
}

# files_fetch: into $files/new. Fails when they cannot be had, or are others again: the next list says so.
files_fetch() {
  if ! http GET "/device/v1/sessions/$session/files"; then
    case $http_status in
      # Of a later assignment: they come with the next boot.
      403 | 404) files_refused=$files_wanted ;;
    esac
    return 1
  fi
  rm -rf "$files/new"
  mkdir -m 700 "$files/new" || return 1
  files_manifest=$files/new/run/drover/files/manifest
  if ! tar -x -f "$run/http.body" -C "$files/new" 2>"$run/tar.log"; then
    report files info "the files cannot be unpacked: $(tail -n 1 "$run/tar.log")"
    files_refused=$files_wanted
    return 1
  fi
  [ -f "$files_manifest" ] && has_digest "$files_wanted" "$files_manifest"
}

files_update() {
  cut -d ' ' -f 5- "$files_manifest" >"$files/paths"
  while IFS= read -r files_line; do
    files_parse "$files_line"
    grep -qxF -- "$files_path" "$files/paths" || files_drop
  done <"$files/manifest"
  while IFS= read -r files_line; do
    grep -qxF -- "$files_line" "$files/manifest" && continue
    files_parse "$files_line"
    files_put
  done <"$files_manifest"
  mv -f "$files_manifest" "$files/manifest"
}

# files_parse LINE: sets files_sum and files_path.
files_parse() {
  files_sum=${1%% *}
  files_path=/${1#*/}
}

# files_inside: whether the folder of files_path lies in the root, as far as there is one; a link may lead out of it. Sets files_folder.
files_inside() {
  files_folder=$root${files_path%/*}
  files_folder=${files_folder:-/}
  files_there=$files_folder
  until [ -e "$files_there" ] || [ -L "$files_there" ] || [ -z "$files_there" ]; do files_there=${files_there%/*}; done
  files_real=$(readlink -f "${files_there:-/}") || return 1
  files_top=$(readlink -f "${root:-/}")
  case $files_real/ in
    "${files_top%/}/"*) ;;
    *) return 1 ;;
  esac
}

# files_place: the file that was parsed, whole beside its place and then there at once. It is made in a folder that nobody else can reach into: the one it
# goes to may be a user's, who could put links in the way. In a shell of its own.
files_place() (
  mkdir -p "$files_folder" || exit 1
  files_part=$(mktemp -d "$files_folder/.drover-XXXXXX") || exit 1
  trap 'rm -f ./file; cd /; rmdir "$files_part"' EXIT
  cd "$files_part" && [ -O . ] && [ -z "$(ls -A .)" ] || exit 1
  cp -p "$files/new$files_path" ./file && mv -f -T ./file "$files_to"
)

# files_put: the file that was parsed, as it came. Whoever reads it sees the old one or the new one.
files_put() {
  if ! files_inside; then
    report files info "$files_path is not written: its folder is out of the root"
    return
  fi
  files_to=$root$files_path
  if ! has_digest "$files_sum" "$files/new$files_path"; then
    files_why='it came otherwise than it should'
  elif [ -d "$files_to" ] && [ ! -L "$files_to" ]; then
    files_why='it is a folder'
  elif files_why=$(files_place 2>&1); then
    report files info "updated $files_path"
    return
  fi
  report files info "$files_path is not written: $files_why"
}

# files_drop: the file that was parsed is none of the device's any more. What somebody changed here is theirs.
files_drop() {
  files_to=$root$files_path
  [ -e "$files_to" ] || [ -L "$files_to" ] || return 0
  if ! files_inside || [ -L "$files_to" ] || [ ! -f "$files_to" ] || ! has_digest "$files_sum" "$files_to"; then
    report files info "$files_path stays: it was changed on the board"
    return
  fi
  rm -f "$files_to" && report files info "removed $files_path"
}
