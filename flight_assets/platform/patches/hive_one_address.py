"""Hive metastore that listens at the address that the settings give.

Library: hive-metastore 2.3.10
Symptom: Hive's own main class binds every address of the machine and has no setting for it.
Gain: none in time. The metastore, which asks nobody who they are, listens on loopback only.
Guard: flight_assets_tests/integration/test_platform.py::test_every_port_listens_on_loopback_only
Remove: when the metastore is of Hive 4, which has ``metastore.thrift.bind.host``.

Its request handler is served here by Thrift's server class, as its main class would, on a bound socket.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from flight_assets.platform.jars import spark_jars_dir
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_WORKERS, MAX_WORKERS = 4, 64


def serve(java_command: Sequence[str], host: str, port: int) -> None:
    """Serve until the process ends.

    ``java_command`` is the Java executable, its options, ``-cp`` and the class path.
    """
    java, *options, _, classpath = java_command
    (jar,) = spark_jars_dir().glob("py4j*.jar")
    gateway_port = launch_gateway(
        jarpath=str(jar),
        classpath=classpath,
        javaopts=options,
        java_path=java,
        die_on_exit=True,
        redirect_stdout=sys.stdout,
        redirect_stderr=sys.stderr,
    )
    jvm = JavaGateway(gateway_parameters=GatewayParameters(port=gateway_port, auto_convert=True)).jvm
    _server(jvm, host, port).serve()


def _server(jvm: Any, host: str, port: int) -> Any:  # noqa: ANN401 - objects of the Java machine
    hive = jvm.org.apache.hadoop.hive.metastore
    thrift = jvm.org.apache.thrift
    conf = jvm.org.apache.hadoop.hive.conf.HiveConf()
    handler = hive.RetryingHMSHandler.getProxy(
        conf, getattr(hive, "HiveMetaStore$HMSHandler")("metastore", conf, False), True
    )
    socket = thrift.transport.TServerSocket(jvm.java.net.InetSocketAddress(host, port))
    arguments = getattr(thrift.server, "TThreadPoolServer$Args")(socket)
    arguments.processor(hive.TSetIpAddressProcessor(handler))
    arguments.protocolFactory(getattr(thrift.protocol, "TBinaryProtocol$Factory")())
    arguments.minWorkerThreads(MIN_WORKERS).maxWorkerThreads(MAX_WORKERS)
    return thrift.server.TThreadPoolServer(arguments)


if __name__ == "__main__":
    settings = get_settings()
    serve(sys.argv[1:], settings.bind_host, settings.port("metastore"))
