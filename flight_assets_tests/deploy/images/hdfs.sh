#!/usr/bin/env bash
# The part of Hadoop's `hdfs` command that docker-compose.yml uses.
set -euo pipefail
package=org.apache.hadoop.hdfs
case $1 in
    namenode) class=$package.server.namenode.NameNode ;;
    datanode) class=$package.server.datanode.DataNode ;;
    dfsadmin) class=$package.tools.DFSAdmin ;;
    *) echo "hdfs $1 is not in this stand-in" >&2; exit 2 ;;
esac
shift
exec java "-Xmx${HADOOP_HEAPSIZE_MAX:-256m}" "-Dhadoop.home.dir=$HADOOP_HOME" -cp "$HADOOP_CONF_DIR:/opt/hadoop/web:/opt/hadoop/lib/*" "$class" "$@"
