"""Our own extensions of Spark, compiled once by the Scala compiler it ships with.

They guard writes and sign-in, and let generated code serve more than one batch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from flight_assets.platform.jars import spark_jars_dir
from flight_assets.platform.patches import spark_held_literals

if TYPE_CHECKING:
    from flight_assets.settings import Settings

SOURCES = sorted(Path(__file__).parent.glob("**/*.scala"))
SQL_EXTENSIONS = ("flights.ReadOnly", spark_held_literals.EXTENSION)
CONNECT_PLUGIN = "org.apache.spark.sql.connect.SparkConnectPlugin"
# A session with another value than true may change data: those of the platform are, others only if they ask
# for it.
READ_ONLY = "spark.flights.readOnly"
# Users whose sessions are read-only whatever they ask for, separated by commas.
READERS = "spark.flights.readers"


def jar_path(settings: Settings) -> Path:
    """Return the path of the compiled jar, which all platforms share.

    Its name changes with the sources and with Spark.
    """
    made_of = (
        b"".join(source.read_bytes() for source in SOURCES)
        + "".join(sorted(jar.name for jar in spark_jars_dir().glob("spark-catalyst_*.jar"))).encode()
    )
    return settings.cache_dir / f"spark-extensions-{sha256(made_of).hexdigest()[:12]}.jar"


def compile_jar(java: str, jar: Path) -> None:
    """Compile it, about 6 s of processor time. The jar appears whole or not at all.

    Raises:
        subprocess.CalledProcessError: the compiler refused a source; its output has been printed.
    """
    partial = jar.with_suffix(f".{os.getpid()}.jar")
    compiler = [
        java,
        "-Xmx512m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{spark_jars_dir()}/*",
        "scala.tools.nsc.Main",
        "-usejavacp",
    ]
    subprocess.run([*compiler, "-d", str(partial), *map(str, SOURCES)], check=True)  # noqa: S603 - our own command
    partial.replace(jar)


if __name__ == "__main__":
    compile_jar(sys.argv[1], Path(sys.argv[2]))
