#!/usr/bin/env bash
# Formats an empty folder, and only that, then becomes the NameNode.
set -euo pipefail
[ -e /data/current/VERSION ] || hdfs namenode -format -nonInteractive
exec hdfs namenode
