"""``make fuzz``: fuzzed messages on a platform of the tests' own, live processing on, archives and kills.

Usage: python -m flight_assets_tests.fuzz [--minutes M] [--seed S] [--kill-share F] [--archive-share F]
       [--running] [--keep]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from functools import partial

from flight_assets_tests.conftest import pytest_configure

LIVE = "live"


def main() -> int:
    """Exit code 0 if every promise held."""
    given = _words().parse_args()
    pytest_configure()

    from flight_assets.platform import launcher
    from flight_assets.settings import get_settings
    from flight_assets.stores import warehouse
    from flight_assets_tests.faults.__main__ import fresh
    from flight_assets_tests.fuzz import campaign
    from flight_assets_tests.integration.conftest import stop_automation

    settings = get_settings()
    if given.running:
        stop_automation(settings)
        launcher.up(settings, _say, lambda _done, _total: None, (LIVE,))
    else:
        fresh(settings, _say, also=(LIVE,))
    report = campaign.run(
        settings,
        partial(warehouse.open_warehouse, settings),
        campaign.own_pool(settings, numbers=10, days=40),
        given.seed,
        60 * given.minutes,
        campaign.plan(given.seed, given.kill_share),
        _say,
        given.messages,
        given.archive_share,
    )
    for line in report.lines():
        _say(line)
    if not given.keep:
        launcher.reset(settings, _say)
    return 1 if report.failures else 0


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=30.0, help="how long messages are sent")
    words.add_argument("--seed", type=int, default=1, help="the same seed gives the same messages and faults")
    words.add_argument(
        "--messages", type=float, default=math.inf, help="about how many messages are sent at most"
    )
    words.add_argument(
        "--kill-share", type=float, default=0.5, help="share of the runs in which something is killed"
    )
    words.add_argument(
        "--archive-share",
        type=float,
        default=0.2,
        help="share of the runs before an archive or a restore",
    )
    words.add_argument(
        "--running", action="store_true", help="use the platform of the tests that runs already"
    )
    words.add_argument("--keep", action="store_true", help="leave the platform running")
    return words


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
