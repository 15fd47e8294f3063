"""A short part of `make faults`: each kind of kill that is over quickly.

And that a campaign is what its seed says.
"""

from __future__ import annotations

import itertools

import pytest

from flight_assets.provenance import STEPS
from flight_assets_tests.faults import campaign, victims
from flight_assets_tests.faults.attempts import AFTER, ANY_MOMENT, BEFORE, DURING, PHASES, RUN, Fault

SEED = 77
ROUND = [
    Fault("kafka", STEPS[0], DURING, 0.3),
    Fault("redis", STEPS[1], BEFORE, 0.0),
    Fault(RUN, STEPS[1], DURING, 1.0),
    Fault("dagster-daemon", STEPS[2], AFTER, 0.0),
    Fault("mongod", STEPS[3], DURING, 0.2),
    Fault(RUN, STEPS[4], DURING, 2.0),
]


@pytest.mark.timeout(1_200)
@pytest.mark.integration
@pytest.mark.core
def test_killed_runs_and_services_lose_and_double_nothing(target, sent):
    result = campaign.run(target, sent, [ROUND], SEED, len(ROUND), print)
    assert result.failures == []
    assert result.survived == result.faults == len(ROUND)
    assert (result.findings.lost, result.findings.doubled) == (0, 0)
    assert result.findings.sent == campaign.MESSAGES_A_ROUND


def test_a_campaign_strikes_each_victim_at_each_phase_of_each_step_and_then_at_any_moment():
    faults = list(itertools.islice(itertools.chain.from_iterable(campaign.plan(seed=1)), 200))
    placed = {(fault.victim, fault.step, fault.phase) for fault in faults if fault.step != ANY_MOMENT}
    assert placed == set(itertools.product((*victims.SERVICES, RUN), STEPS, PHASES))
    assert sum(fault.step == ANY_MOMENT for fault in faults) == 200 - len(placed)


def test_a_seed_gives_the_same_faults_and_messages_and_another_others():
    once, again, other = (list(itertools.islice(campaign.plan(seed), 40)) for seed in (3, 3, 4))
    assert once == again != other
    assert (
        campaign.messages_of_round(3, 5)
        == campaign.messages_of_round(3, 5)
        != campaign.messages_of_round(3, 6)
    )
