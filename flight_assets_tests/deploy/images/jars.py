"""Put the locked jars of Kafka and HDFS, and Kafka's command line tools, into a folder: jars.py FOLDER."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from jgo.maven import MavenContext

from flight_assets.platform import jars, launcher
from flight_assets.platform.services.service import locked_version
from flight_assets.settings import get_settings

SETS = ("kafka", "hdfs")


def main(folder: Path) -> None:
    """Download what is missing in the cache, and copy it."""
    settings = get_settings()
    launcher.download_jars(settings, print, lambda _done, _total: None, SETS)
    for name in SETS:
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(jars.classpath_dir(settings.cache_dir, name), folder / name)
    tools = MavenContext(repo_cache=settings.cache_dir / "maven").project("org.apache.kafka", "kafka-tools")
    jar = tools.at_version(locked_version("kafka_2.13")).artifact(classifier="", packaging="jar")
    shutil.copy(jar.resolve(), folder / "kafka")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
