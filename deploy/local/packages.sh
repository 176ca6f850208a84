#!/bin/bash
# Installs what this machine lacks: packages.sh [make] [venv] [postgresql] [nginx] [java] [faketime] [promtool]
# Only Debian's apt-get, only as root; otherwise one sentence says what is missing, and where wheels
# can stand in (postgresql, nginx, java) they do.
set -u

declare -A package=(
  [make]=make [venv]=python3-venv [postgresql]=postgresql [nginx]=nginx-light
  [java]=default-jre-headless [faketime]=faketime [promtool]=prometheus
)

have() {
  case $1 in
    make) command -v make ;;
    venv) python3 -c 'import ensurepip, venv' ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' ;;
    nginx) PATH=$PATH:/usr/sbin command -v nginx ;;
    java) command -v java ;;
    faketime) compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' ;;
    promtool) command -v promtool ;;
  esac >/dev/null 2>&1
}

missing=()
for need in "$@"; do
  have "$need" || missing+=("${package[$need]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "This machine lacks ${missing[*]}: install it as root, or we go on without." >&2
  exit 0
fi

# Our own servers run on ports and in folders of their own: the system is to start none.
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/waypost.conf
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
install() {
  case $1 in
    prometheus) unpack_promtool ;;
    *) apt-get install -y -q --no-install-recommends "$1" ;;
  esac
}
# One program of that package, 48 MB, without its daemon and the 300 MB that its pages need.
unpack_promtool() (
  folder=$(mktemp -d) && trap 'rm -r "$folder"' EXIT && cd "$folder" &&
    apt-get download -q prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb |
    tar -x -C /usr/local --strip-components=2 ./usr/bin/promtool
)
for each in "${missing[@]}"; do
  { install "$each" || { apt-get update -q && install "$each"; }; } >/dev/null 2>&1 ||
    echo "apt-get cannot install $each: we go on without." >&2
done
