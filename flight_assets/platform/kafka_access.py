"""Access to Kafka on a secured platform: listeners, SCRAM users and their rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.errors import FlightsError
from flight_assets.platform.access import SCRAM_LOGIN, administers
from flight_assets.settings import Settings
from flight_assets.stores import kafka

if TYPE_CHECKING:
    from kafka.admin import ACL

HEALTH_TOPIC = "platform_health"
# Rights of each user: kind and name of a resource ("*" ends a prefix), and operations. All others are
# refused.
KAFKA_RIGHTS: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "pipeline": [
        ("TOPIC", "{topic}", ("READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")),
        ("TOPIC", HEALTH_TOPIC, ("READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")),
    ],
    # Its page of services checks Kafka by a message of its own.
    "dashboard": [("TOPIC", "{topic}", ("READ",)), ("TOPIC", HEALTH_TOPIC, ("READ", "WRITE"))],
    "producer": [("TOPIC", "{topic}", ("WRITE",))],
}


def kafka_properties(settings: Settings, number: int) -> dict[str, object]:
    """Clients sign in by SCRAM over TLS and may do what they are granted.

    Brokers and the administrator show the brokers' certificate.
    """
    if not settings.secured:
        return {}
    address, internal, controller = (
        settings.address(name, number) for name in ("kafka", "kafka_internal", "kafka_controller")
    )
    return {
        "listeners": f"CLIENTS://{address},INTERNAL://{internal},CONTROLLER://{controller}",
        "advertised.listeners": f"CLIENTS://{address},INTERNAL://{internal}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "INTERNAL",
        "listener.name.clients.sasl.enabled.mechanisms": kafka.MECHANISM,
        f"listener.name.clients.{kafka.MECHANISM.lower()}.sasl.jaas.config": f"{SCRAM_LOGIN};",
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

    if not administers(settings):
        return
    pem = str(settings.tls_dir / "kafka.pem")
    security = {
        "security_protocol": "SSL",
        "ssl_cafile": settings.kafka_ca_file,
        "ssl_certfile": pem,
        "ssl_keyfile": pem,
    }
    timeout_ms = int(settings.timeout_s * 1000)
    admin = KafkaAdminClient(
        bootstrap_servers=settings.address("kafka_internal"),
        bootstrap_timeout_ms=timeout_ms,
        request_timeout_ms=timeout_ms,
        **security,
    )
    try:
        missing = KAFKA_RIGHTS.keys() - admin.describe_user_scram_credentials().keys()
        passwords = {user: settings.secret(f"kafka_{user}").get_secret_value() for user in missing}
        made = admin.alter_user_scram_credentials(
            [
                UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password)
                for user, password in passwords.items()
            ]
        )
        granted = admin.create_acls(kafka_rights(settings))
    finally:
        admin.close()
    refused = [*filter(None, made.values()), *granted["failed"]]
    if refused:
        raise FlightsError(f"Kafka refused to make its users: {refused[0]}")


def kafka_rights(settings: Settings) -> list[ACL]:
    """``KAFKA_RIGHTS`` as Kafka takes them."""
    from kafka.admin import (
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePattern,
        ResourceType,
    )

    def resource(kind: str, name: str) -> ResourcePattern:
        return ResourcePattern(
            ResourceType[kind], name.format(topic=settings.kafka_topic), ACLResourcePatternType.LITERAL
        )

    return [
        ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, resource(kind, name))
        for user, rights in KAFKA_RIGHTS.items()
        for kind, name, operations in rights
        for operation in operations
    ]
