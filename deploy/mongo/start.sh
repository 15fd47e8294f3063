#!/usr/bin/env bash
# mongod refuses a key file that others could read, and a mounted secret has its owner on the host.
set -euo pipefail
install -m 0400 /run/secrets/mongo_keyfile /tmp/keyfile
exec docker-entrypoint.sh mongod --replSet flights --keyFile /tmp/keyfile --bind_ip_all --oplogSize 256 "$@"
