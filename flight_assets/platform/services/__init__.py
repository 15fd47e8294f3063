"""Table of services: how each runs, its address, its needs, and the check that it works."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from functools import partial

from flight_assets.platform import health
from flight_assets.platform.services.clients import (
    api_service,
    dashboard_service,
    live_service,
    metrics_service,
    producer_service,
)
from flight_assets.platform.services.dagster import dagster_services, dagster_viewer_service
from flight_assets.platform.services.service import Service, java
from flight_assets.platform.services.spark import spark_master_service, spark_service, spark_worker_service
from flight_assets.platform.services.stores import (
    datanode_service,
    kafka_service,
    metastore_service,
    mongod_service,
    namenode_service,
    postgres_service,
    redis_service,
)
from flight_assets.settings import COUNTS, Settings, member

__all__ = ["Service", "asked_for", "further_services", "java", "services"]


def services(settings: Settings) -> tuple[Service, ...]:
    """Return every service of the profile, each after the ones it needs."""
    table = (
        *_each(settings, "postgres", postgres_service),
        *_each(settings, "mongod", mongod_service),
        redis_service(settings),
        *_each(settings, "kafka", kafka_service),
        namenode_service(settings),
        *_each(settings, "datanode", datanode_service),
        metastore_service(settings),
        *_each(settings, "spark-master", spark_master_service),
        *_each(settings, "spark-worker", spark_worker_service),
        spark_service(settings),
        *dagster_services(settings),
        metrics_service(settings),
        dashboard_service(settings),
        api_service(settings),
    )
    names = {service.name for service in table}
    members = {
        kind: tuple(member(kind, number + 1) for number in range(settings.count(kind)))
        for kind in COUNTS[settings.profile]
    }
    return tuple(
        replace(
            service,
            needs=tuple(
                name for kind in service.needs for name in members.get(kind, (kind,)) if name in names
            ),
        )
        for service in table
    )


def _each(settings: Settings, kind: str, build: Callable[[Settings, int], Service]) -> tuple[Service, ...]:
    """Return as many services of a kind as the profile has. Further ones have a simpler check."""
    found = [build(settings, number + 1) for number in range(settings.count(kind))]
    return tuple(
        service
        if service.number == 1
        else replace(service, check=partial(health.check_member, service.ports[0], service.number))
        for service in found
    )


def asked_for(settings: Settings, names: Container[str]) -> tuple[Service, ...]:
    """Return the further services of these names, but those that the profile has anyway."""
    own = {service.name for service in services(settings)}
    return tuple(
        service for service in further_services(settings) if service.name in names and service.name not in own
    )


def further_services(settings: Settings) -> tuple[Service, ...]:
    """Return the services that run only on request, such as live processing or a steady producer."""
    return (
        spark_master_service(settings),
        spark_worker_service(settings),
        producer_service(settings),
        live_service(settings),
        dagster_viewer_service(settings),
    )
