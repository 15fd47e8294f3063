"""The table of licences covers the locks, and says an identifier for what it finds."""

from __future__ import annotations

import pytest

from flight_assets.errors import FlightsError
from flight_assets.platform import licences
from flight_assets.platform.jars import read_lock
from flight_assets.settings import PROJECT_DIR

TABLE = licences.read_table()


def versions(kind: str) -> set[tuple[str, str]]:
    return {(row.name, row.version) for row in TABLE if row.kind == kind}


def test_every_locked_package_has_its_licence():
    """After a change of the lock: `make lock`, or `python -m flight_assets.platform.licences`."""
    assert versions("package") == set(licences.locked_packages(PROJECT_DIR / "requirements.lock").items())


def test_every_locked_jar_has_its_licence():
    assert versions("jar") == {(jar.artifact, jar.version) for jar in read_lock()}


def test_no_licence_is_empty_or_a_web_address():
    assert [
        row for row in TABLE if not row.licence or "://" in row.licence or "unknown" in row.licence.lower()
    ] == []


def test_packages_of_other_systems_are_not_in_it(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(
        "here==1.0 \\\n    --hash=sha256:00\n"
        "mac==2.0 ; sys_platform == 'darwin' \\\nwindows==3.0 ; sys_platform == 'win32' \\\n"
    )
    assert licences.locked_packages(lock) == {"here": "1.0", "mac": "2.0"}


@pytest.mark.parametrize(
    ("stated", "identifier"),
    [
        ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("www.apache.org/licenses/LICENSE-2.0, www.eclipse.org/epl-v10.php", "Apache-2.0 OR EPL-1.0"),
        ("GNU Library or Lesser General Public License (LGPL)", "LGPL-2.1-or-later"),
        ("The MIT License", "MIT"),
        ("MIT-0", "MIT-0"),
    ],
)  # fmt: skip
def test_a_licence_gets_its_identifier(stated, identifier):
    assert licences._identifier("some", stated) == identifier


def test_a_download_without_a_licence_stops_the_table():
    with pytest.raises(FlightsError, match="some states no licence"):
        licences._identifier("some", " ")
