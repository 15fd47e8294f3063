#!/usr/bin/env bash
# Write the proxy's configuration for a platform of `flights up`: embedded.sh SECRETS_DIR FOLDER [FLIGHTS_PORT_OFFSET].
# Then `flights service run dagster-viewer`, and `nginx -c FOLDER/nginx.conf`. Only addresses, ports and folders change.
set -euo pipefail
usage="usage: embedded.sh SECRETS_DIR FOLDER [FLIGHTS_PORT_OFFSET]"
secrets=$(realpath "${1:?$usage}") folder=${2:?$usage} offset=${3:-0}
mkdir -p "$folder"
folder=$(realpath "$folder")
moved=()
for port in 8443 8444 8445 8446 8447; do
    moved+=(-e "s/listen $port /listen 127.0.0.1:$((port + offset)) /" -e "s/(\"|\\^)$port /\\1$((port + offset)) /")
done
for port in 8501 3001 3000 4040 9870 9464; do
    moved+=(-e "s/ [a-z-]+:$port;/ 127.0.0.1:$((port + offset));/")
done
# Root's workers would be nobody's, who may not read the secrets.
[ "$(id -u)" != 0 ] || moved+=(-e '1a user root;')
sed -E "${moved[@]}" -e "s#/tmp/#$folder/#" -e "s#/run/secrets/#$secrets/#" -e "/own name server/,/resolver.conf/d" "$(dirname "$0")/nginx.conf" \
    > "$folder/nginx.conf"
