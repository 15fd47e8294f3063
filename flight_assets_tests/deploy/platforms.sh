#!/usr/bin/env bash
# Run the unit tests and the demo of this checkout on another Debian release, with its Python, in a root of its own.
# Needs root and debootstrap. It uses the package caches of this machine, and its certificates and proxy settings.
set -euo pipefail

release=${1:-trixie}
checkout=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
root=${PLATFORMS_DIR:-$checkout/build/platforms}/$release
targets=${PLATFORMS_TARGETS:-test-unit demo}
offset=${PLATFORMS_PORT_OFFSET:-9000}
work=/srv/flights

command -v debootstrap >/dev/null || { echo "debootstrap is not installed: apt-get install debootstrap"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "only root can make a Debian root: run this as root"; exit 1; }

if [ ! -x "$root/usr/bin/make" ]; then
    echo "making a root of Debian $release in $root"
    debootstrap --variant=minbase --include=python3,python3-venv,make,git,openssl,procps,ca-certificates "$release" "$root" >"$root.log" 2>&1 ||
        { tail -5 "$root.log"; exit 1; }
    # mongod needs it, and a Debian without desktop or curl may lack it.
    chroot "$root" apt-get install --yes --no-install-recommends libcurl4 >>"$root.log" 2>&1 || { tail -5 "$root.log"; exit 1; }
fi
cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

# The files of this checkout as they are, with what is not committed yet. The environment of an earlier run stays.
mkdir -p "$root$work" "$root/root/.cache" "$HOME/.cache"
find "$root$work" -mindepth 1 -maxdepth 1 ! -name '.venv*' ! -name .flights -exec rm -rf {} +
git -C "$checkout" ls-files -z --cached --others --exclude-standard | tar -C "$checkout" --null --files-from=- --create | tar -C "$root$work" --extract

inside='
set -euo pipefail
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount --rbind /sys "$ROOT/sys"
mount --bind "$HOME/.cache" "$ROOT/root/.cache"
exec chroot "$ROOT" bash -euo pipefail -c "$STEPS"
'
export ROOT=$root STEPS='
cd '"$work"'
git init --quiet . && git add --all && git -c user.name=test -c user.email=test@localhost commit --quiet --message=test
. /etc/os-release && echo "on $PRETTY_NAME with $(python3 --version), $(uname -m)"
for target in '"$targets"'; do
    echo "== make $target"
    began=$(date +%s)
    make "$target"
    echo "== make $target passed in $(($(date +%s) - began)) s"
done
if [ -d .flights ]; then .venv/bin/flights status; .venv/bin/flights reset --yes; fi
rm -rf .git
'
# Everything that it starts ends with it, and so do its mounts.
FLIGHTS_PORT_OFFSET=$offset HOME=$HOME unshare --mount --pid --fork --kill-child bash -c "$inside"
