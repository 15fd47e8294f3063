"""A broker of the last line of Kafka with ZooKeeper, and ZooKeeper, as processes: what
docker-compose.zookeeper.yml has as containers.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from flight_assets.platform import health, jars
from flight_assets.platform.foreground import find
from flight_assets.platform.launcher import problem_of
from flight_assets.platform.services import java
from flight_assets.settings import LOOPBACK, PROJECT_DIR, Settings

SET = "kafka-zookeeper"
# Kafka names its own ZooKeeper; a logger of neither is in its published jars.
ROOTS = {SET: ["org.apache.kafka:kafka_2.13:3.9.1", "org.slf4j:slf4j-simple:1.7.36"]}
LOCK_FILE = Path(__file__).with_name("zookeeper.lock")
PROPERTIES = PROJECT_DIR / "deploy/kafka/zookeeper.properties"
ZOOKEEPER_PORT = 2181
# Beside a cluster's own brokers.
BROKER_NUMBER = 9
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0


def broker_settings(home: Path, port_offset: int) -> Settings:
    """The platform's settings with the address of this broker, whatever profile the environment names."""
    address = Settings(_env_file=None, port_offset=port_offset).address("kafka", BROKER_NUMBER)
    return Settings(
        _env_file=None,
        profile="embedded",
        home=home,
        port_offset=port_offset,
        kafka_bootstrap_servers=address,
    )


def fetch(settings: Settings) -> int:
    """Download what is missing of the locked jars. Returns how many there are.

    Raises FlightsError as the platform's download does.
    """
    locked = jars.read_lock(LOCK_FILE)
    jars.download(settings.cache_dir, jars.missing(settings.cache_dir, locked), lambda _jar, _bytes: None)
    return len(locked)


def write_properties(settings: Settings) -> Path:
    """The broker's own file with another address, another folder and another ZooKeeper, and nothing else."""
    moved = {
        "zookeeper.connect": _zookeeper(settings),
        "listeners": f"PLAINTEXT://{settings.kafka_bootstrap_servers}",
        "advertised.listeners": f"PLAINTEXT://{settings.kafka_bootstrap_servers}",
        "log.dirs": str(settings.home / "kafka"),
    }
    lines = [line.split("=", 1) for line in PROPERTIES.read_text().splitlines() if not line.startswith("#")]
    path = settings.home / "zookeeper.properties"
    path.write_text("".join(f"{key}={moved.get(key, value)}\n" for key, value in lines))
    return path


def _zookeeper(settings: Settings) -> str:
    return f"{LOOPBACK}:{ZOOKEEPER_PORT + settings.port_offset}"


class Server:
    """One Java process of the set, with its log."""

    def __init__(self, settings: Settings, main: str, config: Path) -> None:
        classpath = jars.classpath_dir(settings.cache_dir, SET) / "*"
        heap = f"-Xmx{settings.kafka_heap_mb}m"
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        self.log = settings.home / f"{config.stem}.log"
        self._command = [java(settings), heap, quiet, "-cp", str(classpath), main, str(config)]
        self._folder = settings.home
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        with self.log.open("ab") as log:
            environment = {"PATH": os.environ["PATH"]}
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=log, stderr=log, env=environment
            )

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=STOP_TIMEOUT_S)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()


def start_zookeeper(settings: Settings) -> Server:
    """A ZooKeeper that listens on loopback only; it has accepted a connection when this returns."""
    config = settings.home / "zoo.cfg"
    config.write_text(
        f"dataDir={settings.home / 'zookeeper'}\nclientPort={ZOOKEEPER_PORT + settings.port_offset}\n"
        f"clientPortAddress={LOOPBACK}\n"
        "admin.enableServer=false\n"
    )
    server = Server(settings, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            health.answers(_zookeeper(settings))
            return server
        except OSError:
            has_failed = server.process.poll() is not None or time.monotonic() > deadline
            assert not has_failed, server.log.read_text()
            time.sleep(0.1)


def start_broker(settings: Settings) -> Server:
    """A broker with the properties of PROPERTIES; see ``wait_for``."""
    return Server(settings, "kafka.Kafka", write_properties(settings))


def wait_for(settings: Settings, broker: Server) -> int:
    """Return when the platform's own check of Kafka passes: how often the broker had to be started again.

    ZooKeeper takes a killed broker for alive until its session ends, and refuses its successor so long;
    Compose starts it again too.
    """
    kafka = find(settings, "kafka")
    deadline, restarts = time.monotonic() + START_TIMEOUT_S, 0
    while problem := problem_of(settings, kafka):
        assert time.monotonic() < deadline, f"{problem}\n{broker.log.read_text()[-3000:]}"
        if broker.process.poll() is not None:
            broker.start()
            restarts += 1
        time.sleep(0.3)
    return restarts


if __name__ == "__main__":
    jars.write_lock(ROOTS, LOCK_FILE)
