#!/bin/sh
# The password reaches redis-server in a file of its own, not in its command line, which every process could read.
set -eu
umask 077
{ cat /etc/flights/redis/redis.conf; printf 'requirepass %s\n' "$(cat /run/secrets/flights_redis_password)"; } > /tmp/redis.conf
exec redis-server /tmp/redis.conf "$@"
