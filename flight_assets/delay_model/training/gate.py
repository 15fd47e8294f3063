"""Rule by which a challenger replaces the champion, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flight_assets.delay_model.evaluate import COVERAGE
from flight_assets.delay_model.registry.model import DelayModel
from flight_assets.delay_model.training.report import measure
from flight_assets.delay_model.training.split import TEST
from flight_assets.delay_model.training.train import Arrived


@dataclass(frozen=True)
class GateRules:
    """Requirements for a challenger on the newest flights that it has not seen."""

    min_flights: int = 500
    coverage_tolerance: float = 0.02
    rmse_tolerance: float = 0.01


@dataclass(frozen=True)
class Decision:
    """Decision to promote or not, with every reason."""

    promote: bool
    reasons: tuple[str, ...]


def decide(
    challenger: Mapping[str, float], champion: Mapping[str, float] | None, rules: GateRules | None = None
) -> Decision:
    """Compare figures of ``evaluate`` over the same flights.

    The challenger wins if:

    - its MAE is below the champion's
    - its RMSE is at most ``rmse_tolerance`` above the champion's
    - its interval covers 0.90 ± ``coverage_tolerance``
    - there were at least ``min_flights`` flights

    Without a champion only the last two count.
    """
    rules = rules or GateRules()
    flights, coverage = int(challenger.get("flights", 0)), challenger.get("coverage_90", float("nan"))
    against = []
    if flights < rules.min_flights:
        against.append(f"only {flights} unseen flights, {rules.min_flights} are needed")
    elif not abs(coverage - COVERAGE) <= rules.coverage_tolerance:
        against.append(
            f"its 90 % interval covers {coverage:.3f}, allowed is {COVERAGE} ± {rules.coverage_tolerance}"
        )
    if champion is not None and not against:
        against += _worse(challenger, champion, rules)
    if against:
        return Decision(promote=False, reasons=tuple(against))
    compared = f"MAE {challenger['mae']:.2f} min" + (
        f" against the champion's {champion['mae']:.2f}" if champion else ", no champion yet"
    )
    return Decision(
        promote=True, reasons=(f"{compared}, coverage {coverage:.3f}, over {flights} unseen flights",)
    )


def _worse(challenger: Mapping[str, float], champion: Mapping[str, float], rules: GateRules) -> list[str]:
    against = []
    if not challenger["mae"] < champion["mae"]:
        against.append(
            f"its MAE of {challenger['mae']:.3f} min is not below the champion's {champion['mae']:.3f}"
        )
    if not challenger["rmse"] <= champion["rmse"] * (1 + rules.rmse_tolerance):
        allowed = f"the champion's {champion['rmse']:.2f} by more than {rules.rmse_tolerance:.0%}"
        against.append(f"its RMSE of {challenger['rmse']:.2f} min exceeds {allowed}")
    return against


def compare(
    challenger: DelayModel, champion: DelayModel | None, arrived: Arrived
) -> tuple[Decision, dict[str, Any]]:
    """Decide over the test part of these flights. Returns the decision, and the figures of both models.

    The challenger has not seen these flights. ``champion_has_seen_until``: last day that the champion was
    fitted or calibrated on. If it is in the period, the champion's figures are too good. That makes promotion
    harder, never easier.
    """
    test = arrived.parts[TEST]
    if not test.any():
        return decide({}, None), {}
    flights, features = arrived.flights[test], arrived.features[test]
    sides = {"challenger": challenger} | ({"champion": champion} if champion else {})
    figures: dict[str, Any] = {
        name: measure(model, flights, features)["test"] for name, model in sides.items()
    }
    decision = decide(figures["challenger"], figures.get("champion"))
    return decision, figures | {
        "period": arrived.ranges[TEST],
        "champion_has_seen_until": _seen_until(champion),
    }


def _seen_until(model: DelayModel | None) -> str | None:
    ranges = model.manifest.training["ranges"] if model else {}
    return max((part["last"] for name, part in ranges.items() if name != TEST), default=None)
