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
    assert guard_exists(said["Guard"]), f"{said['Guard']} is no test"


def guard_exists(guard: str) -> bool:
    """Return whether ``path::test`` names a test function of that file exactly."""
    path, _, test = guard.partition("::")
    file = PROJECT_DIR / path
    return (
        file.is_file()
        and re.search(rf"^def {re.escape(test) or '(?!)'}\(", file.read_text(), re.M) is not None
    )


@pytest.mark.parametrize(
    "guard",
    [
        "flight_assets_tests/unit/test_patches.py",
        "flight_assets_tests/unit/test_patches.py::test_the_hooks",
        "flight_assets_tests/unit/no_such_file.py::test_the_hooks",
    ],
)
def test_a_guard_without_the_exact_name_of_a_test_is_none(guard: str) -> None:
    assert not guard_exists(guard)


def test_the_hooks_without_code_are_in_the_services_configuration(tmp_path) -> None:
    settings = Settings(home=tmp_path)
    (spark,) = (service for service in services(settings) if service.name == "spark")
    assert java_long_methods.OPTION in spark.command
    assert hadoop_last_block.PROPERTIES.items() <= config.hdfs_client_properties(settings).items()
