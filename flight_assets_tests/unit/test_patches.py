"""Each hook into another program states what it is for, and an upgrade of that program turns it red."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from flight_assets.platform import config, patches
from flight_assets.platform.jars import spark_jars_dir
from flight_assets.platform.patches import hadoop_last_block, java_long_methods
from flight_assets.platform.services import services
from flight_assets.settings import PROJECT_DIR, Settings

NAMES = sorted(patches.described())


def installed(library: str) -> str:
    """The version of a package, or of a jar that Spark or the locks have."""
    try:
        return version(library)
    except PackageNotFoundError:
        jars = [path.name for path in spark_jars_dir().glob(f"{library}-*.jar")]
        locked = (PROJECT_DIR / "flight_assets/platform/jars.lock").read_text()
        found = re.findall(rf"{library}-([\d.]+)\.jar", " ".join(jars)) or re.findall(
            rf" {library} ([\d.]+) ", locked
        )
        return found[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_hook_states_library_symptom_gain_guard_and_end(name: str) -> None:
    said = patches.described()[name]
    assert all(said.values()), said
    library, of_version = said["Library"].split()
    assert installed(library) == of_version, f"{library} has changed: try whether {name} is needed still"
    path, _, test = said["Guard"].partition("::")
    assert f"def {test}" in (PROJECT_DIR / path).read_text()


def test_the_hooks_without_code_are_in_the_services_configuration(tmp_path) -> None:
    settings = Settings(home=tmp_path)
    (spark,) = (service for service in services(settings) if service.name == "spark")
    assert java_long_methods.OPTION in spark.command
    assert hadoop_last_block.PROPERTIES.items() <= config.hdfs_client_properties(settings).items()
