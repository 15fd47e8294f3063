"""Who may do what on a secured platform: its secrets and certificates, each server's options that ask for them, the users and their rights.

Of an open platform all of it is empty, and nothing is made. Names of users are those of ``settings.USERS``; what is secret is in files that
their owner alone may read, and neither in a command line nor in the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flight_assets.errors import FlightsError
from flight_assets.platform import extensions
from flight_assets.settings import PROJECT_DIR, SECRETS, USERS, Settings
from flight_assets.stores import kafka

if TYPE_CHECKING:
    from kafka.admin import ACL

HEALTH_TOPIC = "platform_health"
CERTIFICATES_TIMEOUT_S = 60
HDFS_READERS = "readers"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"

# Of each user of Kafka: kind and name of what it may use, and how. Whatever is not here is refused.
KAFKA_RIGHTS: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "pipeline": [
        ("TOPIC", "{topic}", ("READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")),
        ("TOPIC", HEALTH_TOPIC, ("READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")),
    ],
    # Its page of services checks Kafka by a message of its own.
    "dashboard": [("TOPIC", "{topic}", ("READ",)), ("TOPIC", HEALTH_TOPIC, ("READ", "WRITE"))],
    "producer": [("TOPIC", "{topic}", ("WRITE",))],
}
# The same for MongoDB, as roles; those without a database are of the platform's own. deploy/mongo/users.js says it for containers.
MONGO_SERVER_ROLE = "flightsServer"
MONGO_SERVER_ACTIONS = ("fsync", "serverStatus", "replSetGetStatus")
MONGO_ROLES = {"pipeline": ("readWrite", "dbAdmin"), "dashboard": ("read",)}
# And for Redis, as rules of its ACL: the dimensions are the pipeline's to write, cached answers are the dashboard's.
REDIS_RIGHTS = {
    "pipeline": "~* +@all -@admin -@dangerous +info",
    "dashboard": "~flights:result:* ~flights:cache:* %R~dim:* +@all -@admin -@dangerous +info",
}


# --- secrets and certificates


def make_secrets(settings: Settings) -> None:
    """Write what the settings have of each secret where there is no file yet, and make the certificates that are missing.

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
        raise FlightsError("a secured platform makes its certificates with openssl, which is not installed: install it")
    _run([str(PROJECT_DIR / "deploy/tls/make-dev-ca.sh"), str(settings.tls_dir)])
    # Java opens no PEM file for this server.
    pem, store = settings.tls_dir / "hiveserver2.pem", settings.tls_dir / "hiveserver2.p12"
    if not store.exists():
        password = f"file:{settings.secrets_dir / 'hive_keystore'}"
        _run(["openssl", "pkcs12", "-export", "-in", str(pem), "-out", str(store), "-passout", password])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=CERTIFICATES_TIMEOUT_S, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise FlightsError(f"certificates could not be made:\n{done.stderr.strip()}")


def _administers(settings: Settings) -> bool:
    """Whether this process may make users: those of other roles, and of platforms elsewhere, only use what is there."""
    return settings.secured and settings.embedded and settings.role == "pipeline"


def files(settings: Settings) -> dict[str, str]:
    """Configuration files, by their names under ``home/etc``, that only a secured platform has."""
    if not settings.secured:
        return {}
    return {"redis/users.acl": "user default off\n" + "".join(_redis_user(settings, name) for name in USERS["redis"])}


# --- MongoDB


def mongod_options(settings: Settings) -> list[str]:
    """TLS only, and users; members know each other by a key."""
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
    """Make the users that are missing. ``local`` is signed in as nobody: from this machine that may make the first one."""
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    if not _administers(settings):
        return
    admin, password = "admin", settings.secret("mongo_admin").get_secret_value()
    try:
        local.admin.command("createUser", admin, pwd=password, roles=["userAdminAnyDatabase"])
    except OperationFailure as error:
        if error.code != 13:  # Unauthorized: there is a first one
            raise
    host, port = local.address
    with MongoClient(
        host, port, username=admin, password=password, directConnection=True, serverSelectionTimeoutMS=3000, connectTimeoutMS=3000,
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
        admin.command("createUser", user, pwd=settings.secret(f"mongo_{user}").get_secret_value(), roles=roles + server)


# --- Redis


def redis_server(settings: Settings) -> Path:
    """A redis-server with TLS, which the embedded one lacks. Raises FlightsError if there is none."""
    found = settings.redis_server or shutil.which("redis-server")
    if not found:
        raise FlightsError("a secured platform needs a redis-server with TLS: install Debian's redis-server, or set FLIGHTS_REDIS_SERVER")
    return Path(found)


def redis_options(settings: Settings) -> list[str]:
    """TLS only, and users; of an open platform the port."""
    if not settings.secured:
        return ["--port", str(settings.port("redis"))]
    pem = str(settings.tls_dir / "redis.pem")
    return [
        "--port", "0", "--tls-port", str(settings.port("redis")), "--tls-cert-file", pem, "--tls-key-file", pem,
        "--tls-ca-cert-file", str(settings.tls_dir / "ca.pem"), "--tls-auth-clients", "no",
        "--aclfile", str(settings.home / "etc/redis/users.acl"),
    ]  # fmt: skip


def _redis_user(settings: Settings, name: str) -> str:
    password = settings.secret(f"redis_{name}").get_secret_value()
    return f"user {name} on #{sha256(password.encode()).hexdigest()} {REDIS_RIGHTS[name]}\n"


# --- Kafka


def kafka_properties(settings: Settings, number: int) -> dict[str, object]:
    """Clients sign in by SCRAM over TLS and may do what they are granted; brokers and the administrator show the brokers' certificate."""
    if not settings.secured:
        return {}
    address, internal, controller = (settings.address(name, number) for name in ("kafka", "kafka_internal", "kafka_controller"))
    return {
        "listeners": f"CLIENTS://{address},INTERNAL://{internal},CONTROLLER://{controller}",
        "advertised.listeners": f"CLIENTS://{address},INTERNAL://{internal}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "INTERNAL",
        "listener.name.clients.sasl.enabled.mechanisms": kafka.MECHANISM,
        f"listener.name.clients.{kafka.MECHANISM.lower()}.sasl.jaas.config": f"{_SCRAM};",
        "listener.name.internal.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": settings.tls_dir / "kafka.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": settings.tls_dir / "ca.pem",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:CN=kafka",
        "early.start.listeners": "CONTROLLER",
    }


def make_kafka_users(settings: Settings) -> None:
    """Make the users that are missing, and grant each its rights.

    Raises:
        FlightsError: Kafka refused to.
    """
    from kafka import KafkaAdminClient
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    if not _administers(settings):
        return
    pem = str(settings.tls_dir / "kafka.pem")
    security = {"security_protocol": "SSL", "ssl_cafile": settings.kafka_ca_file, "ssl_certfile": pem, "ssl_keyfile": pem}
    timeout_ms = int(settings.timeout_s * 1000)
    admin = KafkaAdminClient(
        bootstrap_servers=settings.address("kafka_internal"), bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms, **security
    )
    try:
        missing = KAFKA_RIGHTS.keys() - admin.describe_user_scram_credentials().keys()
        passwords = {user: settings.secret(f"kafka_{user}").get_secret_value() for user in missing}
        made = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password) for user, password in passwords.items()]
        )
        granted = admin.create_acls(kafka_rights(settings))
    finally:
        admin.close()
    refused = [*filter(None, made.values()), *granted["failed"]]
    if refused:
        raise FlightsError(f"Kafka refused to make its users: {refused[0]}")


def kafka_rights(settings: Settings) -> list[ACL]:
    """``KAFKA_RIGHTS`` as Kafka takes them."""
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    def resource(kind: str, name: str) -> ResourcePattern:
        return ResourcePattern(ResourceType[kind], name.format(topic=settings.kafka_topic), ACLResourcePatternType.LITERAL)

    return [
        ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, resource(kind, name))
        for user, rights in KAFKA_RIGHTS.items()
        for kind, name, operations in rights
        for operation in operations
    ]


# --- HDFS


def hdfs_groups(settings: Settings) -> dict[str, str]:
    """Who is in which group, also of the users whom HiveServer2 has signed in. Elsewhere a name is what a client says, without Kerberos."""
    if not settings.secured:
        return {}
    return {"hadoop.user.group.static.mapping.overrides": f"dr.who=;dashboard={HDFS_READERS};pipeline=supergroup"}


def make_hdfs_permissions(settings: Settings) -> None:
    """Let nobody in but the owner and the readers' group, who may write under /tmp only.

    Raises:
        requests.RequestException: the NameNode refused, or did not answer.
    """
    import requests

    if not _administers(settings):
        return
    changes: tuple[tuple[str, dict[str, str]], ...] = (
        ("/tmp", {"op": "MKDIRS"}),  # noqa: S108 - a path in HDFS
        ("/tmp", {"op": "SETPERMISSION", "permission": "1777"}),  # noqa: S108
        ("/", {"op": "SETOWNER", "group": HDFS_READERS}),
        ("/", {"op": "SETPERMISSION", "permission": "750"}),
    )
    for path, change in changes:
        answer = requests.put(
            f"{settings.hdfs_http_url}/webhdfs/v1{path}", params={**change, "user.name": settings.hdfs_user}, timeout=settings.timeout_s
        )
        answer.raise_for_status()


# --- Spark


def spark_properties(settings: Settings) -> dict[str, object]:
    """A token for Connect, users of HiveServer2 who only read, and nothing secret in plans, pages and logs."""
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
    """TLS only, and users with passwords."""
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
