"""Trust in forecasts, on flights made here: running baseline, intervals that follow outcomes, who serves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.tables import SIDE_COLUMNS
from flight_assets.delay_model.serving.adaptive import Tails
from flight_assets.delay_model.serving.advance import advance
from flight_assets.delay_model.serving.baseline import HIGH, LATE_SHARE, LOW, MEDIAN, PRIOR, Baseline
from flight_assets.delay_model.serving.trust import BASELINE, MODEL, TrustState, forecasts

HOUR_S, DAY_S = 3_600, 86_400
START_S = 1_767_225_600
VERSION = "v1"


def network(days: int, per_day: int = 1_000, seed: int = 1, bias: float = 0.0) -> pd.DataFrame:
    """Flights of a network with late afternoons, one late airline and one late origin.

    The model knows more than these, and adds ``bias``; its interval is much too narrow.
    """
    rng = np.random.default_rng(seed)
    count = days * per_day
    at = START_S + np.sort(rng.integers(0, days * DAY_S, count))
    hour = (at // HOUR_S) % 24
    airline, origin = rng.choice(["AA", "BB", "CC"], count), rng.choice(["XXA", "XXB"], count)
    level = np.where(hour >= 16, 15.0, 0.0) + 20.0 * (airline == "CC") + 8.0 * (origin == "XXB")
    level = level + rng.normal(0, 12, count)
    actual = np.rint(level - 5 + rng.gumbel(0, 12, count)).clip(-60, 600)
    said = level + bias
    return pd.DataFrame(
        {
            "flight_id": [f"F{number:06d}" for number in range(count)],
            "at": at,
            "ended": at + 4 * HOUR_S,
            "actual_delay_minutes": actual,
            "airline": airline,
            "origin": origin,
            "hour": hour,
            "predicted_delay_minutes": said,
            "predicted_mean_delay_minutes": said + 3,
            "interval_low_minutes": said - 5,
            "interval_high_minutes": said + 5,
            "probability_delayed_15": np.full(count, 0.3),
            "confidence": np.full(count, 0.5),
            "typical_width_minutes": np.full(count, 10.0),
            "domain_likeness": np.ones(count),
            "domain_mark": "in_domain",
            "domain_reasons": None,
        }
    ).set_index("flight_id", drop=False)


def ended(flights: pd.DataFrame, sides: pd.DataFrame | None = None) -> pd.DataFrame:
    """Their outcomes, as a batch has them."""
    outcomes = flights[["flight_id", "actual_delay_minutes", "airline", "origin", "hour"]].assign(
        at=flights["ended"], taken=flights["ended"], model_version=VERSION
    )
    known = (
        pd.DataFrame(index=flights.index, columns=list(SIDE_COLUMNS), dtype=float) if sides is None else sides
    )
    return pd.concat([outcomes, known.reindex(flights.index)], axis=1).reset_index(drop=True)


def replay(
    flights: pd.DataFrame, batch_s: int, state: TrustState | None = None
) -> tuple[pd.DataFrame, TrustState]:
    """Run flights through batches of so many seconds; every state goes through its file."""
    state = state or TrustState()
    made: list[pd.DataFrame] = []
    sides = pd.DataFrame(index=flights.index, columns=list(SIDE_COLUMNS), dtype=float)
    for number in range(int(flights["at"].min() // batch_s), int(flights["ended"].max() // batch_s) + 1):
        asked, over = (
            flights[flights["at"] // batch_s == number],
            flights[flights["ended"] // batch_s == number],
        )
        forecast, _ = advance(state, VERSION, asked, ended(over, sides))
        sides.loc[forecast.index] = forecast[list(SIDE_COLUMNS)]
        made.append(forecast)
        state = TrustState.from_json(state.to_json())
    return flights.join(pd.concat(made), rsuffix="_made"), state


def coverage_by_day(found: pd.DataFrame) -> pd.Series:
    actual = found["actual_delay_minutes"]
    inside = (actual >= found["interval_low_minutes_made"]) & (actual <= found["interval_high_minutes_made"])
    return inside.groupby((found["at"] - START_S) // DAY_S).mean()


@pytest.mark.parametrize("batch_s", [6 * HOUR_S, 3 * DAY_S])
def test_intervals_cover_nine_tenths_from_the_second_day_whatever_the_size_of_a_batch(batch_s):
    found, _ = replay(network(days=3, per_day=3_000), batch_s)
    assert coverage_by_day(found).iloc[1:].between(0.88, 0.92).all()


def test_a_model_that_does_worse_than_the_baseline_does_not_serve_and_comes_back_when_it_is_better():
    worse, better = network(days=2, bias=40.0), network(days=3, seed=2)
    better = better.assign(at=better["at"] + 2 * DAY_S, ended=better["ended"] + 2 * DAY_S)
    better.index = better["flight_id"] = "G" + better["flight_id"]
    found, state = replay(pd.concat([worse, better]), 3 * HOUR_S)
    by_day = found.groupby((found["at"] - START_S) // DAY_S)["maker"].agg(lambda makers: set(makers))
    assert by_day.loc[1] == {BASELINE}
    assert by_day.loc[4] == {MODEL}
    assert [switch["to"] for switch in state.switches] == [BASELINE, MODEL]
    first = state.switches[0]
    assert first["model_mae_minutes"] > first["baseline_mae_minutes"]
    assert (first["model_version"], state.serving) == (VERSION, MODEL)


def test_the_baseline_learns_airline_origin_and_hour():
    flights = network(days=3, per_day=3_000)
    _, state = replay(flights, DAY_S)
    late, early = state.baseline.predict(["CC", "AA"], ["XXB", "XXA"], [18, 6])
    assert late[MEDIAN] - early[MEDIAN] == pytest.approx(20 + 8 + 15, abs=12)
    assert late[LATE_SHARE] > 0.7 > 0.3 > early[LATE_SHARE]
    assert late[LOW] < late[MEDIAN] < late[HIGH]


def test_a_flights_forecast_is_the_same_to_the_bit_beside_any_others():
    """Live forecasts a few flights, and the batch forecasts them again among many."""
    rng = np.random.default_rng(5)
    count, baseline = 4_000, Baseline()
    airlines, origins = (list(rng.choice([f"{kind}{n}" for n in range(30)], count)) for kind in "AX")
    hours = rng.integers(0, 24, count).tolist()
    for _ in range(3):  # so that older outcomes count less than one
        baseline.learn(airlines, origins, hours, np.rint(rng.gumbel(0, 20, count)))
    asked = (airlines[:60], origins[:60], hours[:60])
    together = baseline.predict(*asked)
    for size in (1, 2, 3, 5, 7):
        parts = [
            baseline.predict(*(each[start : start + size] for each in asked)) for start in range(0, 60, size)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_before_any_outcome_the_baseline_says_the_prior_of_the_hour_and_of_an_unknown_hour_its_mean():
    morning, evening, unknown = Baseline().predict(["ZZ"] * 3, ["QQQ"] * 3, [5, 19, None])
    np.testing.assert_allclose([morning, evening, unknown], [PRIOR[1], PRIOR[4], PRIOR.mean(axis=0)])


def test_an_airline_with_few_outcomes_is_like_all_and_one_with_many_has_its_own_figures():
    baseline = Baseline()
    count = 3_000
    baseline.learn(["AA"] * count, ["XXA"] * count, [9] * count, np.zeros(count))
    baseline.learn(["BB"] * 3, ["XXA"] * 3, [9] * 3, np.full(3, 100.0))
    few = baseline.predict(["BB", "AA"], ["XXA"] * 2, [9] * 2)[:, MEDIAN]
    assert abs(few[0] - few[1]) < 3
    baseline.learn(["BB"] * count, ["XXA"] * count, [9] * count, np.full(count, 100.0))
    many = baseline.predict(["BB", "AA"], ["XXA"] * 2, [9] * 2)[:, MEDIAN]
    assert many[0] - many[1] > 60


def test_a_flight_unlike_the_training_flights_gets_the_baseline_until_the_model_has_shown_itself():
    flights = network(days=2)
    flights["domain_mark"] = np.where(flights["airline"] == "CC", "out_of_domain", "in_domain")
    first = forecasts(TrustState(), flights.head(200))
    is_unlike = flights.head(200)["domain_mark"] == "out_of_domain"
    assert set(first.loc[is_unlike, "maker"]) == {BASELINE}
    assert set(first.loc[~is_unlike, "maker"]) == {MODEL}
    found, _ = replay(flights, 6 * HOUR_S)
    assert set(found.loc[found["at"] >= START_S + DAY_S, "maker"]) == {MODEL}


def test_confidence_falls_with_the_width_and_with_the_likeness():
    flights = network(days=1).head(2).assign(domain_likeness=[1.0, 0.5])
    state = TrustState()
    same, half = forecasts(state, flights)["confidence"]
    assert half == pytest.approx(same / 2)
    state.tails[MODEL].overall = [0.7, 0.7]
    assert forecasts(state, flights)["confidence"].iloc[0] < same


def test_a_forecast_never_uses_an_outcome_that_was_not_known_yet():
    flights = network(days=2)
    cut = START_S + DAY_S
    known = flights[flights["ended"] < cut - cut % 600]
    asked = flights[(flights["at"] >= cut) & (flights["at"] < cut + 600)]
    everything, _ = advance(TrustState(), VERSION, flights, ended(flights))
    of_known, _ = advance(
        TrustState(), VERSION, pd.concat([flights[flights["at"] < cut], asked]), ended(known)
    )
    assert len(asked) > 5
    pd.testing.assert_frame_equal(everything.loc[asked.index], of_known.loc[asked.index])


def test_a_repeat_with_the_outcomes_kept_gives_the_same_forecasts_and_the_same_state():
    flights = network(days=2)
    state, again = TrustState(), TrustState()
    made, learned = advance(state, VERSION, flights, ended(flights))
    repeated, _ = advance(again, VERSION, flights, learned)
    pd.testing.assert_frame_equal(made, repeated)
    assert state.to_json() == again.to_json()
    shuffled = flights.sample(frac=1, random_state=3)
    other = TrustState()
    advance(other, VERSION, shuffled, ended(shuffled))
    assert other.to_json() == state.to_json()


def test_a_new_champion_begins_without_the_scores_and_factors_of_the_old_one():
    _, state = replay(network(days=2, bias=40.0), DAY_S)
    assert state.serving == BASELINE
    state.turn_to("v2")
    assert (state.serving, state.scores.outcomes, state.tails[MODEL]) == (MODEL, 0, Tails())
    assert state.tails[BASELINE].outcomes > 0


def test_an_outcome_without_a_forecast_teaches_nothing():
    flights = network(days=1)
    state = TrustState()
    _, learned = advance(state, VERSION, flights.head(0), ended(flights))
    assert len(learned) == 0
    fresh = TrustState()
    fresh.turn_to(VERSION)
    assert state.to_json() == fresh.to_json()


def test_codes_without_end_do_not_let_a_state_grow_without_end():
    baseline, tails = Baseline(), Tails()
    names = [f"A{number:05d}" for number in range(3_000)]
    ones, zeros = np.ones(len(names)), np.zeros(len(names))
    baseline.learn(names, names, [None] * len(names), zeros)
    tails.learn(names, ones * 90, zeros - 10, zeros, ones * 10)
    assert len(baseline.to_plain()["counts"]["origin"]) <= 1_000
    assert len(tails.to_plain()["airlines"]) <= 1_000
