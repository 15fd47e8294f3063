"""Each check passes what is sound, and fails the one record or frame that is not."""

from __future__ import annotations

import pytest
from dagster import AssetCheckSeverity

from flight_assets.checks.dagster_checks import asset_check_results, check_specs, remedy
from flight_assets.contracts.tables import FACT, Column, Table
from flight_assets.pipeline import check_rules, checks
from flight_assets.pipeline.trust import DomainShift
from flight_assets.provenance import STEPS, BatchRecord, CheckResult, OffsetRange, archive_id

THINGS = Table("things", "thing", ("id",), (Column("id", "STRING", ""), Column("n", "BIGINT", "")))
THINGS_TYPE = {"n": "bigint", "id": "string"}


def record(**changes) -> BatchRecord:
    values = {
        "batch_id": 3,
        "archive_id": archive_id(3),
        "timestamp": "2013-06-12T09:00:00Z",
        "oldest": "2013-06-12T08:00:00Z",
        "record_count": 30,
        "file_size_mb": 0.1,
        "storage_location": "hdfs://namenode/x",
        "schema": [],
        "offsets": {"0": OffsetRange(first=10, last=29), "1": OffsetRange(first=5, last=14)},
        "next_offsets": {"0": 30, "1": 15},
        "staged": 25,
        "duplicate": 2,
        "quarantined": 3,
        "quarantined_by_reason": {"not_json": 3},
        "flights": 20,
        "upserted": 18,
        "out_of_order": 2,
    }
    return BatchRecord(**values | changes)


NEXT = {"0": 10, "1": 5}
SCHEMA = ("hive_fact", THINGS)
# Check: what passes it, and what must fail it.
CASES: dict[str, tuple[CheckResult, CheckResult]] = {
    "domain: most flights unlike the training flights": (
        check_rules.domain_shift(DomainShift(200, 30, 60, {"origin not in training": 60})),
        check_rules.domain_shift(DomainShift(200, 30, 61, {"origin not in training": 61})),
    ),
    "offsets: a gap to the batch before": (
        check_rules.offsets_follow_on(record(), NEXT),
        check_rules.offsets_follow_on(record(), NEXT | {"0": 9}),
    ),
    "offsets: an overlap with the batch before": (
        check_rules.offsets_follow_on(record(), {}),
        check_rules.offsets_follow_on(record(), NEXT | {"1": 6}),
    ),
    "offsets: a message missing inside": (
        check_rules.offsets_follow_on(record(), NEXT),
        check_rules.offsets_follow_on(record(record_count=29), NEXT),
    ),
    "offsets: a message of the topic that has not landed": (
        check_rules.offsets_follow_on(record(record_count=29, without_message=1), NEXT),
        check_rules.offsets_follow_on(record(record_count=29, without_message=1, off=1), NEXT),
    ),
    "fresh: messages left behind": (check_rules.fresh(5, 299.0, 300.0), check_rules.fresh(5, 301.0, 300.0)),
    "conserved: a message in no counter": (
        check_rules.messages_conserved(record(), 25, 3),
        check_rules.messages_conserved(record(duplicate=1), 25, 3),
    ),
    "conserved: a message in two counters": (
        check_rules.messages_conserved(record(), 25, 3),
        check_rules.messages_conserved(record(duplicate=3), 25, 3),
    ),
    "conserved: a reason not counted": (
        check_rules.messages_conserved(record(), 25, 3),
        check_rules.messages_conserved(record(quarantined_by_reason={"not_json": 2}), 25, 3),
    ),
    "conserved: a row lost in staging": (
        check_rules.messages_conserved(record(), 25, 3),
        check_rules.messages_conserved(record(), 24, 3),
    ),
    "conserved: a quarantined row doubled": (
        check_rules.messages_conserved(record(), 25, 3),
        check_rules.messages_conserved(record(), 25, 4),
    ),
    "unique: a key twice": (
        check_rules.key_unique(checks.EVENTS_UNIQUE, 25, 25),
        check_rules.key_unique(checks.EVENTS_UNIQUE, 25, 24),
    ),
    "fact: a flight twice": (
        check_rules.key_unique(checks.FLIGHTS_UNIQUE, 20, 20),
        check_rules.key_unique(checks.FLIGHTS_UNIQUE, 21, 20),
    ),
    "predictions: fewer than recorded": (
        check_rules.key_unique(checks.PREDICTIONS_UNIQUE, 9, 9, 9),
        check_rules.key_unique(checks.PREDICTIONS_UNIQUE, 8, 8, 9),
    ),
    "quality: too low": (check_rules.quality(100, 0.2, 0.2), check_rules.quality(100, 0.19, 0.2)),
    "rejected share: most of the batch": (
        check_rules.rejected_share(record()),
        check_rules.rejected_share(record(quarantined=20, quarantined_by_reason={"not_json": 20})),
    ),
    "fields: one that the contract lacks": (
        check_rules.fields_known(record()),
        check_rules.fields_known(record(unknown_fields={"colour": 4})),
    ),
    "values: one that is not what it claims": (
        check_rules.values_clean(record()),
        check_rules.values_clean(record(cleaned_values={"tail_number": 2})),
    ),
    "codes: one that nobody knows": (
        check_rules.codes_known(record()),
        check_rules.codes_known(record(unknown_codes={"airline:ZZ": 1})),
    ),
    "mongo: a flight without answer": (
        check_rules.all_in_mongo(record()),
        check_rules.all_in_mongo(record(upserted=17)),
    ),
    "fact: a flight without row": (
        check_rules.all_in_fact(record(), 20),
        check_rules.all_in_fact(record(), 19),
    ),
    "schema: a column missing": (
        check_rules.schema_is_the_contract(*SCHEMA, THINGS_TYPE),
        check_rules.schema_is_the_contract(*SCHEMA, {"id": "string"}),
    ),
    "schema: a column too many": (
        check_rules.schema_is_the_contract(*SCHEMA, THINGS_TYPE),
        check_rules.schema_is_the_contract(*SCHEMA, {**THINGS_TYPE, "m": "bigint"}),
    ),
    "schema: another type": (
        check_rules.schema_is_the_contract(*SCHEMA, THINGS_TYPE),
        check_rules.schema_is_the_contract(*SCHEMA, {**THINGS_TYPE, "n": "string"}),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_check_passes_what_is_sound_and_fails_what_is_not(name):
    sound, broken = CASES[name]
    assert sound.passed
    assert not broken.passed
    assert broken.value != sound.value or broken.threshold != sound.threshold


def test_every_check_has_a_case_that_fails_it():
    assert {broken.name for _, broken in CASES.values()} == {check.name for check in checks.CHECKS}


def test_a_handful_of_poor_events_never_holds_up_a_batch():
    assert check_rules.quality(check_rules.EVENTS_TO_JUDGE_BY - 1, 0.0, 0.2).passed
    assert check_rules.quality(0, None, 0.2).passed


def test_a_handful_of_flights_says_nothing_of_a_shift_and_the_reasons_are_told():
    shift = DomainShift(check_rules.EVENTS_TO_JUDGE_BY - 1, 0, 99, {"airline not in training": 99})
    assert check_rules.domain_shift(shift).passed
    assert "airline not in training (99)" in check_rules.domain_shift(shift).detail


def test_poison_is_told_but_never_blocks():
    assert not check_rules.rejected_share(record(record_count=3, quarantined=3)).blocks


@pytest.mark.parametrize("step", STEPS)
def test_dagster_shows_every_check_and_leaves_it_to_the_ledger_to_hold_a_batch(step):
    assert {spec.name: spec.blocking for spec in check_specs(step)} == {
        check.name: False for check in checks.checks_of(step)
    }


def test_only_breaches_of_integrity_block():
    assert {check.name for check in checks.CHECKS if check.severity == "ERROR"} == {
        *(
            "offsets_follow_on",
            "messages_conserved",
            "event_id_unique",
            "prediction_unique",
            "flight_id_unique",
        ),
        *("flights_conserved", "schema_is_the_contract"),
    }


def test_the_worst_batch_of_a_run_decides_and_its_remedy_is_told():
    good, bad = CASES["conserved: a row lost in staging"]
    shown = {
        result.check_name: result
        for result in asset_check_results("staged_events", [(3, good), (4, bad), (5, good)])
    }
    conserved = shown["messages_conserved"]
    assert (conserved.passed, conserved.severity) == (False, AssetCheckSeverity.ERROR)
    assert conserved.description == remedy(4, bad)
    assert "flights ledger accept 4 messages_conserved --reason" in conserved.description
    assert shown["quality"].passed


def test_an_accepted_failure_becomes_a_warning_that_says_why():
    _, bad = CASES["conserved: a row lost in staging"]
    accepting = record(accepted={"messages_conserved": "rows deleted by hand"})
    noted = accepting.note_checks("staged_events", [bad])
    assert [(result.passed, result.blocks, result.severity) for result in noted] == [(False, False, "WARN")]
    assert "accepted: rows deleted by hand" in accepting.checks[0].detail
    shown = {result.check_name: result for result in asset_check_results("staged_events", [(3, noted[0])])}[
        "messages_conserved"
    ]
    assert (shown.passed, shown.severity) == (False, AssetCheckSeverity.WARN)


def test_checking_again_replaces_what_was_found_before():
    sound, broken = CASES["conserved: a row lost in staging"]
    checked = record()
    checked.note_checks("mongo_hot", [check_rules.all_in_mongo(checked)])
    checked.note_checks("staged_events", [broken])
    checked.note_checks("staged_events", [sound])
    assert [(result.asset, result.passed) for result in checked.checks] == [
        ("staged_events", True),
        ("mongo_hot", True),
    ]


def test_types_of_the_contract_compare_with_sparks_spelling():
    weather = next(column.type for column in FACT.columns if column.name == "weather")
    assert check_rules._plain(weather).startswith("struct<temperature_f:double,")
