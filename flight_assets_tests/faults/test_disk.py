"""A store that has no room: HDFS over its quota, a mongod whose files may not grow.

The run fails, and the next one completes.
"""

from __future__ import annotations

import getpass
import urllib.request

import psutil
import pytest

from flight_assets.platform import supervision
from flight_assets.producer.publish import publish
from flight_assets.provenance import RAW_ROOT
from flight_assets_tests.faults import campaign, victims
from flight_assets_tests.faults.attempts import calm_attempt
from flight_assets_tests.faults.truth import verify

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]
SEED = 80
NO_QUOTA = -1


def send(settings, sent, number: int) -> None:
    messages = campaign.messages_of_round(SEED, number)[:30]
    assert publish(messages, settings.kafka_bootstrap_servers, settings.kafka_topic).acknowledged == len(
        messages
    )
    sent.add(messages)


def put(settings, operation: str) -> None:
    words = f"op={operation}&user.name={getpass.getuser()}"
    request = urllib.request.Request(f"{settings.hdfs_http_url}/webhdfs/v1{RAW_ROOT}?{words}", method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


def set_quota(settings, space: int) -> None:
    put(settings, "MKDIRS")
    put(settings, f"SETQUOTA&namespacequota={NO_QUOTA}&storagespacequota={space}")


def test_hdfs_without_room_for_a_batch_fails_the_run_and_loses_nothing(target, sent):
    campaign.process_until_done(target, campaign.Result())
    send(target, sent, 0)
    set_quota(target, 1)
    try:
        problem = calm_attempt().problem
    finally:
        set_quota(target, NO_QUOTA)
    assert "HDFS's room and quotas" in problem
    assert calm_attempt().problem == ""
    assert verify(target, sent).problems == []


def test_a_mongod_that_may_not_write_loses_nothing(target, sent):
    send(target, sent, 1)
    mongod = psutil.Process(supervision.process_info(target)["mongod"]["pid"])
    mongod.rlimit(psutil.RLIMIT_FSIZE, (1, 1))
    calm_attempt()
    victims.kill(target, "mongod")
    victims.wait_for(target)
    campaign.process_until_done(target, campaign.Result())
    assert verify(target, sent).problems == []
