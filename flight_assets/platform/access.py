"""Access on a secured platform: secrets, certificates, options of each server, users and their rights.

On an open platform all of it is empty, and nothing is made. The users are those of ``settings.USERS``.
Secrets are in files that only their owner may read, never in a command line or in the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

from flight_assets.errors import FlightsError
from flight_assets.platform import extensions
from flight_assets.settings import SECRETS, USERS, Settings

CERTIFICATES_TIMEOUT_S = 60
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"
HDFS_READERS = "readers"
# Roles of each user of MongoDB. Roles without a database are the platform's own. deploy/mongo/users.js says
# it for containers.
MONGO_SERVER_ROLE = "flightsServer"
MONGO_SERVER_ACTIONS = ("fsync", "serverStatus", "replSetGetStatus")
MONGO_ROLES = {"pipeline": ("readWrite", "dbAdmin"), "dashboard": ("read",)}
# Rules of each user in the ACL of Redis: the dimensions are the pipeline's to write, cached answers are the
# dashboard's.
REDIS_RIGHTS = {
    "pipeline": "~* +@all -@admin -@dangerous +info",
    "dashboard": "~flights:result:* ~flights:cache:* %R~dim:* +@all -@admin -@dangerous +info",
}


def make_secrets(settings: Settings) -> None:
    """Write a file for each secret of the settings that has none, and make the missing certificates.

    Raises:
        FlightsError: another process has made other secrets meanwhile, or certificates cannot be made.
    """
    settings.home.chmod(0o700)
    settings.secrets_dir.mkdir(mode=0o700, exist_ok=True)
    for name in SECRETS:
        _write_once(settings.secrets_dir / name, settings.secret(name).get_secret_value())
    _make_certificates(settings)


def _write_once(path: Path, secret: str) -> None:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        if path.read_text() != secret:
            raise FlightsError(f"{path} is not what this process began with: run the command again") from None
        return
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secret)


def _make_certificates(settings: Settings) -> None:
    if not shutil.which("openssl"):
        raise FlightsError(
            "a secured platform makes its certificates with openssl, which is not installed: install it"
        )
    _run(["bash", str(Path(__file__).parent / "files/make-dev-ca.sh"), str(settings.tls_dir)])
    # Java opens no PEM file for this server.
    pem, store = settings.tls_dir / "hiveserver2.pem", settings.tls_dir / "hiveserver2.p12"
    if not store.exists():
        password = f"file:{settings.secrets_dir / 'hive_keystore'}"
        _run(["openssl", "pkcs12", "-export", "-in", str(pem), "-out", str(store), "-passout", password])


def _run(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=CERTIFICATES_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise FlightsError(f"certificates could not be made:\n{done.stderr.strip()}")


def administers(settings: Settings) -> bool:
    """Return True if this process may create users.

    Processes of other roles, and of platforms elsewhere, use the existing ones.
    """
    return settings.secured and settings.embedded and settings.role == "pipeline"


def files(settings: Settings) -> dict[str, str]:
    """Configuration files, by their names under ``home/etc``, that only a secured platform has."""
    if not settings.secured:
        return {}
    return {
        "redis/users.acl": (
            "user default off\n" + "".join(_redis_user(settings, name) for name in USERS["redis"])
        )
    }


def mongod_options(settings: Settings) -> list[str]:
    """Return the options of mongod: TLS only, users, and a key by which members know each other."""
    if not settings.secured:
        return []
    return [
        "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(settings.tls_dir / "mongodb.pem"),
        "--tlsCAFile", str(settings.tls_dir / "ca.pem"), "--tlsAllowConnectionsWithoutCertificates",
        "--keyFile", str(settings.secrets_dir / "mongo_keyfile"),
    ]  # fmt: skip


def mongo_tls(settings: Settings) -> dict[str, Any]:
    """Options of a MongoDB client for the certificates of this platform, nothing if it is open."""
    return {"tls": True, "tlsCAFile": str(settings.tls_dir / "ca.pem")} if settings.secured else {}


def make_mongo_users(settings: Settings, local: Any) -> None:  # noqa: ANN401 - pymongo's generic type
    """Make the users that are missing.

    ``local`` is signed in as nobody: from this machine that may make the first one.
    """
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    if not administers(settings):
        return
    admin, password = "admin", settings.secret("mongo_admin").get_secret_value()
    try:
        local.admin.command("createUser", admin, pwd=password, roles=["userAdminAnyDatabase"])
    except OperationFailure as error:
        if error.code != 13:  # Unauthorized: there is a first one
            raise
    host, port = local.address
    with MongoClient(
        host, port, username=admin, password=password, directConnection=True, serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
        socketTimeoutMS=5000, **mongo_tls(settings),
    ) as client:  # fmt: skip
        _make_mongo_roles(settings, client.admin)


def _make_mongo_roles(settings: Settings, admin: Any) -> None:  # noqa: ANN401 - pymongo's generic type
    if not admin.command("rolesInfo", MONGO_SERVER_ROLE)["roles"]:
        privileges = [{"resource": {"cluster": True}, "actions": list(MONGO_SERVER_ACTIONS)}]
        admin.command("createRole", MONGO_SERVER_ROLE, privileges=privileges, roles=[])
    present = {found["user"] for found in admin.command("usersInfo")["users"]}
    for user in MONGO_ROLES.keys() - present:
        roles: list[Any] = [{"role": role, "db": settings.mongo_database} for role in MONGO_ROLES[user]]
        server = [MONGO_SERVER_ROLE] if user == "pipeline" else []
        admin.command(
            "createUser", user, pwd=settings.secret(f"mongo_{user}").get_secret_value(), roles=roles + server
        )


def redis_server() -> Path:
    """Return the machine's redis-server, which has TLS. Raises FlightsError if there is none."""
    found = shutil.which("redis-server")
    if not found:
        raise FlightsError(
            "a secured platform needs a redis-server with TLS: install Debian's redis-server, or set"
            " FLIGHTS_REDIS_SERVER"
        )
    return Path(found)


def redis_options(settings: Settings) -> list[str]:
    """Return the options of Redis: TLS only and users, or the port of an open platform."""
    if not settings.secured:
        return ["--port", str(settings.port("redis"))]
    pem = str(settings.tls_dir / "redis.pem")
    return [
        "--port", "0", "--tls-port", str(settings.port("redis")), "--tls-cert-file", pem, "--tls-key-file",
        pem,
        "--tls-ca-cert-file", str(settings.tls_dir / "ca.pem"), "--tls-auth-clients", "no",
        "--aclfile", str(settings.home / "etc/redis/users.acl"),
    ]  # fmt: skip


def _redis_user(settings: Settings, name: str) -> str:
    password = settings.secret(f"redis_{name}").get_secret_value()
    return f"user {name} on #{sha256(password.encode()).hexdigest()} {REDIS_RIGHTS[name]}\n"


def hdfs_groups(settings: Settings) -> dict[str, str]:
    """Return the groups of each user, also of users that HiveServer2 has signed in.

    Elsewhere a user name is what the client claims, without Kerberos.
    """
    if not settings.secured:
        return {}
    return {
        "hadoop.user.group.static.mapping.overrides": f"dr.who=;dashboard={HDFS_READERS};pipeline=supergroup"
    }


def make_hdfs_permissions(settings: Settings) -> None:
    """Let nobody in but the owner and the readers' group, who may write under /tmp only.

    Raises:
        requests.RequestException: the NameNode refused, or did not answer.
    """
    import requests

    if not (administers(settings) or settings.hdfs_private):
        return
    changes: tuple[tuple[str, dict[str, str]], ...] = (
        ("/tmp", {"op": "MKDIRS"}),  # noqa: S108 - a path in HDFS
        ("/tmp", {"op": "SETPERMISSION", "permission": "1777"}),  # noqa: S108
        ("/", {"op": "SETOWNER", "group": HDFS_READERS}),
        ("/", {"op": "SETPERMISSION", "permission": "750"}),
    )
    for path, change in changes:
        answer = requests.put(
            f"{settings.hdfs_http_url}/webhdfs/v1{path}",
            params={**change, "user.name": settings.hdfs_user},
            timeout=settings.timeout_s,
        )
        answer.raise_for_status()


def spark_properties(settings: Settings) -> dict[str, object]:
    """Return Spark's access settings: a token for Connect, read-only users, no secrets in plans and logs."""
    if not settings.secured:
        return {}
    return {
        "spark.connect.authenticate.token": settings.secret("spark_token").get_secret_value(),
        "spark.authenticate": "true",
        extensions.READERS: "dashboard",
        "spark.redaction.regex": "(?i)secret|password|passwd|token|access[.]?key|jaas",
        "spark.ui.killEnabled": "false",
    }


def hiveserver2_properties(settings: Settings) -> dict[str, object]:
    """Return the properties of HiveServer2: TLS only, and users with passwords."""
    if not settings.secured:
        return {}
    return {
        "hive.server2.authentication": "CUSTOM",
        "hive.server2.custom.authentication.class": "flights.Passwords",
        "hive.server2.use.SSL": "true",
        "hive.server2.keystore.path": settings.tls_dir / "hiveserver2.p12",
        "hive.server2.keystore.password": settings.secret("hive_keystore").get_secret_value(),
        "flights.users": ",".join(USERS["hive"]),
        "flights.secrets": settings.secrets_dir,
    }
