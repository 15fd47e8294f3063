"""``make faults``: at least 200 seeded kills on a platform of the tests' own.

Prints what survived, was lost or came twice.
Usage: python -m flight_assets_tests.faults [--kills N] [--seed S]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from flight_assets.errors import StartTimeout
from flight_assets_tests.conftest import pytest_configure

if TYPE_CHECKING:
    from flight_assets.settings import Settings

MACHINE_STEPS = 12
STARTS = 3


def main() -> int:
    """Exit code 0 if every fault was survived and nothing was lost or doubled."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--kills", type=int, default=200, help="how many faults to strike")
    words.add_argument("--seed", type=int, default=1, help="the same seed gives the same messages and faults")
    words.add_argument(
        "--examples",
        type=int,
        default=5,
        help="examples of the state machine after the kills, of 12 steps each",
    )
    words.add_argument("--keep", action="store_true", help="leave the platform running")
    given = words.parse_args()
    pytest_configure()

    from flight_assets.platform import launcher
    from flight_assets.settings import get_settings
    from flight_assets_tests.faults import campaign, machine, victims
    from flight_assets_tests.faults.truth import Sent

    settings = get_settings()
    fresh(settings, _say)
    began = time.monotonic()
    sent = Sent()
    result = campaign.run(settings, sent, campaign.plan(given.seed), given.seed, given.kills, _say)
    for line in result.failures:
        _say(f"FAILED {line}")
    _say(f"by victim: {dict(sorted(result.by_victim.items()))}")
    _say(f"{result.summary()}; {time.monotonic() - began:.0f} s (seed {given.seed})")
    if given.examples:
        machine.play(settings, sent, given.examples, MACHINE_STEPS, victims.SERVICES)
        _say(
            f"{given.examples} examples of the state machine, {sum(sent.acknowledged.values())} events sent"
            " by now: every store right"
        )
    if not given.keep:
        launcher.reset(settings, _say)
    return 0 if result.faults and not result.failures else 1


def fresh(settings: Settings, say: Callable[[str], None], also: Container[str] = ()) -> None:
    """Start the platform anew, with a small model and no automation. ``also``: see ``launcher.up``."""
    from flight_assets.platform import launcher
    from flight_assets.platform.bootstrap import bootstrap
    from flight_assets_tests.integration.conftest import stop_automation, train_small_model

    launcher.reset(settings, say)
    for left in reversed(range(STARTS)):
        try:
            launcher.up(settings, say, lambda _done, _total: None, also)
            break
        except StartTimeout as error:  # on a busy machine a service may need longer than its start time
            say(str(error))
            if not left:
                raise
    bootstrap(settings, say)
    stop_automation(settings)
    train_small_model(settings)


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
