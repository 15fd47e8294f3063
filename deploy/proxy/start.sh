#!/bin/sh
# nginx asks the name server of its container, which is Docker's or Podman's, for the addresses of the pages.
set -eu
server=$(awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)
case $server in *:*) server="[$server]" ;; esac
printf 'resolver %s valid=10s;\n' "$server" > /tmp/resolver.conf
exec nginx -e stderr -c /etc/flights/proxy/nginx.conf
