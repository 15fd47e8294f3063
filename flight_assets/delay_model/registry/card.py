"""Model card, for readers before they trust a model (Mitchell et al. 2019, arXiv:1810.03993)."""

from __future__ import annotations

from typing import Any

from flight_assets.delay_model.registry.model import PICKLED, Manifest

_FIGURES = {
    "r2": ("R² of the mean", "{:.3f}"),
    "mae": ("MAE of the median, minutes", "{:.2f}"),
    "mae_median_baseline": ("MAE of always predicting the training median, minutes", "{:.2f}"),
    "mae_vs_median": ("ratio of the two", "{:.3f}"),
    "rmse": ("RMSE of the mean, minutes", "{:.2f}"),
    "rmse_mean_baseline": ("RMSE of always predicting the training mean, minutes", "{:.2f}"),
    "mape": ("MAPE over flights at least 15 minutes early or late, ratio", "{:.3f}"),
    "coverage_90": ("coverage of the 90 % interval", "{:.3f}"),
    "interval_width_minutes": ("mean width of the 90 % interval, minutes", "{:.1f}"),
    "brier": ("Brier score of 15 minutes late or more", "{:.4f}"),
    "brier_vs_base_rate": ("ratio to the base rate's", "{:.3f}"),
    "pr_auc": ("area under precision–recall, 15 minutes late or more", "{:.3f}"),
    "late_share": ("share of such flights, the area of a guess", "{:.3f}"),
}


def model_card(manifest: Manifest) -> str:
    """Return the card as Markdown, from the manifest alone."""
    lines = [
        f"# Arrival delay model {manifest.version}",
        "",
        (
            "Predicts the signed arrival delay of a flight in minutes (negative = early) when the flight is"
            " announced, by default 60"
        ),
        "minutes before its planned departure, from what was known by then.",
        "",
        "## Data",
        "",
        *_ranges(manifest),
        f"- Fingerprint (SHA-256 of features and targets): `{manifest.data_fingerprint}`",
        "- Cancelled and diverted flights have no arrival delay: they are neither trained on nor scored.",
        "",
        "## Model",
        "",
        (
            f"- {len(manifest.features)} features, contract version {manifest.feature_contract_version},"
            " listed in `manifest.json`"
        ),
        *(_of_regressor(manifest) if manifest.kind == PICKLED else _of_boosters(manifest)),
        (
            "- Confidence: completeness × t / (t + width), t the typical width; it ranks predictions by error"
            " and is not a probability"
        ),
        "",
        "## Results on the test period",
        "",
        *_results(manifest.metrics.get("test", {})),
        "",
        *_departed(manifest),
        *_transfer(manifest),
        "## Limits",
        "",
        "- Learned from the flights above: on other networks and in other years expect larger errors.",
        "- The interval's coverage is an average: in storms it covers less, on quiet days more.",
        "- Not for decisions about a single passenger's connection.",
        "",
    ]
    return "\n".join(lines)


def _of_boosters(manifest: Manifest) -> list[str]:
    training = manifest.training
    return [
        (
            f"- XGBoost {manifest.library_versions['xgboost']}; trees per booster: {training['trees']}, seed"
            f" {training['seed']}"
        ),
        f"- Settings: {training['settings']}",
        *_hidden(training),
        f"- Mean: blend of the mean booster, the quantiles and 1 with the weights {manifest.mean_blend}",
        (
            f"- Interval: quantiles 0.05 and 0.95, moved away from the median by {_percent(manifest)} of the"
            " distance (CQR)"
        ),
    ]


def _hidden(training: dict[str, Any]) -> list[str]:
    """Return lines about values that training did not use."""
    unused, shares = training.get("unused_features"), training.get("hidden_shares", {})
    return [
        *([f"- Not used, because they name one network or season: {', '.join(unused)}"] if unused else []),
        *(
            f"- Hidden in a share of {share} of the training flights: {name}"
            for name, share in shares.items()
        ),
    ]


def _of_regressor(manifest: Manifest) -> list[str]:
    below, above = manifest.conformal_factors
    return [
        "- A pickled regressor, registered as it came: what it was trained on is not known here",
        (
            f"- Interval: the same for every flight, from {below:.1f} minutes under to {above:.1f} over what"
            " it says (split conformal)"
        ),
    ]


def _transfer(manifest: Manifest) -> list[str]:
    """Return the tables of flights that training has not seen; nothing if they were not measured."""
    found = manifest.metrics.get("transfer")
    if not found:
        return []
    lines = [
        "## Where it was not trained",
        "",
        "MAE is divided by that of the best constant for the same flights; under 1 is better.",
        "",
        "| network | flights | R² | MAE ÷ constant | coverage |",
        "|---|---|---|---|---|",
        *(f"| {name} | {_elsewhere(row)} |" for name, row in found["other network"].items()),
        "",
        "Small models, each trained without some flights and tested on them in the test period. Beside",
        "them a model of the same size that was trained on all:",
        "",
        "| left out | flights | R² seen | unseen | MAE ÷ constant seen | unseen | coverage seen | unseen |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what in ("airline", "region"):
        lines += [f"| {what} {name} | {_pair(sides)} |" for name, sides in found[what].items()]
    return [*lines, ""]


def _elsewhere(row: dict[str, float]) -> str:
    return (
        f"{row['flights']:,.0f} | {row['r2']:.3f} | {row['mae_vs_own_median']:.3f} | {row['coverage_90']:.3f}"
    )


def _pair(sides: dict[str, dict[str, float]]) -> str:
    names = ("r2", "mae_vs_own_median", "coverage_90")
    values = [f"{sides[side][name]:.3f}" for name in names for side in ("seen", "unseen")]
    return " | ".join([f"{sides['seen']['flights']:,.0f}", *values])


def _percent(manifest: Manifest) -> str:
    return " and ".join(f"{factor:+.1%}" for factor in manifest.conformal_factors)


def _ranges(manifest: Manifest) -> list[str]:
    ranges: dict[str, dict[str, str]] = manifest.training.get("ranges", {})
    return [
        f"- {name}: {part['first']} to {part['last']}, {part['flights']} flights"
        for name, part in ranges.items()
    ] + [f"- File {name}, SHA-256 `{sha256}`" for name, sha256 in manifest.training.get("files", {}).items()]


def _departed(manifest: Manifest) -> list[str]:
    """Return the section on departed flights; nothing if the version has no such stage."""
    about = manifest.departed
    if not about:
        return []
    factors = " and ".join(f"{factor:+.1%}" for factor in about["conformal_factors"])
    return [
        "## Departed flights",
        "",
        "When a flight leaves, its forecast follows: departure delay, plan and the announced forecast go in.",
        "",
        f"- {len(about['features'])} inputs: {', '.join(about['features'])}",
        f"- {about['flights']} flights that the trees above had not seen; boosters of {about['boosters_of']}",
        f"- Trees per booster: {about['trees']}; settings: {about['settings']}",
        f"- Announced forecast hidden in a share of {about['hidden_share']} of the flights",
        f"- Interval moved by {factors} of the distance, on {about['calibration_flights']} flights",
        "",
        "Results on the same test period:",
        "",
        *_results(about.get("metrics", {})),
        "",
    ]


def _results(test: dict[str, float]) -> list[str]:
    rows = [
        f"| {label} | {form.format(test[name])} |"
        for name, (label, form) in _FIGURES.items()
        if test.get(name) is not None
    ]
    return ["| figure | value |", "|---|---|", *rows] if rows else ["No flights after the training range."]
