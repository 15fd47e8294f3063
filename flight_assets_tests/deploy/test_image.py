"""The Dockerfile and the scripts beside the Compose files."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from flight_assets.settings import PROJECT_DIR
from flight_assets_tests.deploy.compose import BIN, DEPLOY, OVERLAYS, config, services

DOCKERFILE = DEPLOY / "Dockerfile"
SCRIPTS = [*DEPLOY.rglob("*.sh")]


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "hadolint", path], capture_output=True, text=True, timeout=60, check=False)


def test_hadolint_has_nothing_to_say():
    done = hadolint(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_say_it(tmp_path):
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.read_text().replace("# hadolint ignore=DL3008\n", ""))
    done = hadolint(tmp_path / "Dockerfile")
    assert done.returncode == 1
    assert "DL3008" in done.stdout


def stages() -> dict[str, list[str]]:
    """The instructions of each stage, a continued one on one line."""
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE.read_text()).splitlines():
        if stage := re.match(r"FROM \S+ AS (\S+)", line):
            found[stage[1]] = []
        if found and line and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return found


def test_every_target_of_the_compose_files_is_a_stage():
    containers = [
        service for stack in ((), *((name,) for name in OVERLAYS)) for service in services(*stack).values()
    ]
    targets = {service["build"]["target"] for service in containers if "build" in service}
    assert targets == {"app", "airflow"}
    assert targets <= set(stages())


def user_of(stage: str) -> str:
    found = [line.split()[1] for line in stages()[stage] if line.startswith("USER ")]
    parent = stages()[stage][0].split()[1]
    return found[-1] if found else user_of(parent)


@pytest.mark.parametrize("target", ["app", "airflow"])
def test_a_target_does_not_run_as_root(target):
    assert user_of(target) == "10001:10001"
    assert {
        service["user"] for service in services().values() if service.get("build", {}).get("target") == target
    } == {"10001:10001"}


def copied() -> list[str]:
    """The files and folders of this repository that go into the image."""
    lines = [
        line.split()[1:-1]
        for stage in stages().values()
        for line in stage
        if line.startswith("COPY ") and "--from" not in line
    ]
    return [word for words in lines for word in words]


def test_what_is_copied_gets_past_the_ignore_file():
    kept = [
        line[1:] for line in (PROJECT_DIR / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    assert {name for name in copied() if not any(fnmatch(name, pattern) for pattern in kept)} == set()
    assert {pattern for pattern in kept if not any(fnmatch(name, pattern) for name in copied())} == set()


@pytest.mark.parametrize("name", sorted(set(copied())))
def test_what_is_copied_is_there(name):
    assert (PROJECT_DIR / name).exists()


def test_packages_are_installed_from_locks_with_hashes_only():
    installs = [line for stage in stages().values() for line in stage if "pip install" in line]
    words = " ".join(installs).split("pip install")[1:]
    assert len(words) == 3
    assert all("--require-hashes" in word or "--editable ." in word for word in words)


def test_the_drivers_beside_airflows_lock_have_hashes():
    lines = [line for line in (DEPLOY / "airflow/postgres.lock").read_text().splitlines() if "==" in line]
    assert {line.split("==")[0] for line in lines} >= {"asyncpg", "psycopg2-binary"}
    assert (DEPLOY / "airflow/postgres.lock").read_text().count("--hash=sha256:") >= len(lines)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_a_script_is_well_formed(script):
    shell = script.read_text().splitlines()[0].rsplit("/", 1)[1].removeprefix("env ")
    subprocess.run([shell, "-n", script], check=True)


def test_the_secrets_script_makes_what_the_compose_file_reads_and_keeps_it(tmp_path):
    folder = tmp_path / "secrets"
    subprocess.run([DEPLOY / "secrets.sh", folder], check=True)
    wanted = {Path(secret["file"]).name for secret in config()["secrets"].values()}
    assert {path.name for path in folder.iterdir()} == wanted
    assert folder.stat().st_mode & 0o777 == 0o700
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert min(map(len, first.values())) >= 44
    assert len(set(first.values())) == len(first)
    assert first["airflow_db_password"] in first["airflow_db_url"]
    subprocess.run([DEPLOY / "secrets.sh", folder], check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("tls") / "made"
    subprocess.run([DEPLOY / "tls/make-dev-ca.sh", folder], check=True, capture_output=True)
    return folder


def test_the_development_authority_signs_a_certificate_for_each_server_that_speaks_tls(certificates):
    wanted = {
        Path(secret["file"]).name
        for name, secret in config("docker-compose.tls.yml")["secrets"].items()
        if name.startswith("tls_")
    }
    assert {path.name for path in certificates.glob("*.pem")} == wanted | {
        "hiveserver2.pem"
    }  # of a secured platform without containers
    for name in ("kafka", "mongodb", "redis", "hiveserver2"):
        verify = ["openssl", "verify", "-CAfile", "ca.pem", "-verify_hostname"]
        good = subprocess.run(
            [*verify, name, f"{name}.pem"], cwd=certificates, capture_output=True, check=False
        )
        other = subprocess.run(
            [*verify, "elsewhere", f"{name}.pem"], cwd=certificates, capture_output=True, check=False
        )
        assert (good.returncode, other.returncode) == (0, 2)
        assert "PRIVATE KEY" in (certificates / f"{name}.pem").read_text()


def test_the_authoritys_key_is_its_own(certificates):
    assert certificates.stat().st_mode & 0o777 == 0o700
    assert (certificates / "ca.key").stat().st_mode & 0o777 == 0o400
    assert "PRIVATE KEY" not in (certificates / "ca.pem").read_text()
