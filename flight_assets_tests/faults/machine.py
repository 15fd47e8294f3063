"""A Hypothesis state machine: produce, process, kill, archive, merge raw files, in any order.

The stores are compared at its end.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from flight_assets.producer.publish import publish
from flight_assets.provenance import STEPS
from flight_assets.settings import Settings
from flight_assets_tests import archiving
from flight_assets_tests.faults import campaign, victims
from flight_assets_tests.faults.attempts import DURING, PHASES, RUN, Fault, attempt
from flight_assets_tests.faults.truth import Sent, verify

SEED = 79


def play(platform: Settings, sent: Sent, examples: int, steps: int, names: tuple[str, ...]) -> None:
    """Run the machine: so many examples of so many steps, killing these victims.

    Raises what Hypothesis raises for a wrong store.
    """
    from flight_assets.stores import warehouse

    rounds = iter(range(10_000))

    class Stores(RuleBasedStateMachine):
        @rule(count=st.integers(1, campaign.MESSAGES_A_ROUND))
        def produce(self, count: int) -> None:
            messages = campaign.messages_of_round(SEED, next(rounds))[:count]
            assert (
                publish(messages, platform.kafka_bootstrap_servers, platform.kafka_topic).acknowledged
                == count
            )
            sent.add(messages)

        @rule()
        def process(self) -> None:
            campaign.process_until_done(platform, campaign.Result())

        @rule(
            victim=st.sampled_from((*names, RUN)),
            step=st.sampled_from(STEPS),
            phase=st.sampled_from(PHASES),
            delay_s=st.floats(0, campaign.LONGEST_DELAY_S),
        )
        def process_and_kill(self, victim: str, step: str, phase: str, delay_s: float) -> None:
            fault = Fault(victim, step, phase, delay_s if phase == DURING else 0.0)
            attempt([fault], lambda name: victims.kill(platform, name), [])
            victims.wait_for(platform)

        @rule()
        def archive(self) -> None:
            archiving.archive(platform, lambda: warehouse.open_warehouse(platform))

        @rule()
        def merge_raw_files(self) -> None:
            _merge_raw_files(platform)

        def teardown(self) -> None:
            campaign.process_until_done(platform, campaign.Result())
            assert verify(platform, sent).problems == []

    run_state_machine_as_test(Stores, settings=_effort(examples, steps))


def _effort(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def _merge_raw_files(platform: Settings) -> None:
    from flight_assets.pipeline import maintenance
    from flight_assets.stores import warehouse
    from flight_assets.stores.hdfs import Hdfs

    house = warehouse.open_warehouse(platform)
    maintenance.compact_raw(house, Hdfs(platform), platform, datetime.now(UTC).date())
