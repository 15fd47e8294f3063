"""A run dies at each moment of a batch's last step: the batch's JSON and its row stay the same record."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from flight_assets.contracts.tables import BATCH_METADATA, CHECK_RESULTS
from flight_assets.pipeline import run_step
from flight_assets.provenance import STEPS, CheckResult, Ledger
from flight_assets_tests.unit.test_provenance import Files, record

LAST = STEPS[-1]
BATCH = 7


class Died(Exception):
    """The process of the run was killed."""


class Warehouse:
    """Tables whose appends carry the batch as transaction id, as Delta's do."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}

    def rows(self, _table: object, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rows

    def append_once(self, rows: list[dict[str, Any]], table: Any, batch_id: int, writer: str = "") -> None:
        self.tables.setdefault((table.name, writer), {}).setdefault(batch_id, rows)

    def of(self, table: Any) -> list[dict[str, Any]]:
        return self.tables.get((table.name, ""), {}).get(BATCH, [])


class Run:
    """A run that holds the lease, until it has called its stores so often."""

    def __init__(self, files: Files, warehouse: Warehouse) -> None:
        self.ledger, self.warehouse = Ledger(files), warehouse

    def still_held(self) -> None:
        pass

    def found(self, *_: object) -> None:
        pass


def dying(calls: int, target: Any, monkeypatch) -> Callable[[], bool]:
    """Let the process die instead of a call of a store, after so many calls. Returns whether it has died."""
    left, has_died = itertools.count(calls, -1), []

    def within(name: str) -> Callable[..., Any]:
        original = getattr(target, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if next(left) <= 0:
                has_died.append(name)
                raise Died(name)
            return original(*arguments, **named)

        return call

    for name in ("write", "append_once"):
        if hasattr(target, name):
            monkeypatch.setattr(target, name, within(name))
    return lambda: bool(has_died)


@pytest.fixture
def stores() -> tuple[Files, Warehouse]:
    """A batch that only the last step has not finished."""
    files = Files()
    ledger = Ledger(files)
    ledger.save(record(BATCH, seconds={STEPS[0]: 1.0}))
    for step in STEPS[:-1]:
        ledger.mark_done(step, BATCH)
    ledger.mark_done(LAST, BATCH - 1)
    return files, Warehouse()


def merged(passed: bool = True) -> Callable[[Any], run_step.Done]:
    """The work of the step; how many rows it finds is another number at every repeat."""
    numbers = itertools.count(20)
    check = CheckResult(asset=LAST, name="one_row", passed=passed, value=1.0, threshold=1.0, detail="rows")
    return lambda _record: run_step.Done({"merged": next(numbers)}, [check])


def text_of(files: Files, warehouse: Warehouse) -> tuple[str, list[str]]:
    json_text = files.read(Ledger(files).path(BATCH)).decode()
    return json_text, [row["record"] for row in warehouse.of(BATCH_METADATA)]


@pytest.mark.parametrize("victim", ["files", "warehouse"])
@pytest.mark.parametrize("calls", range(4))
def test_a_run_that_dies_at_any_moment_leaves_one_record_in_both_places(
    calls: int, victim: str, stores, monkeypatch
) -> None:
    files, warehouse = stores
    work = merged()
    with monkeypatch.context() as patched:
        has_died = dying(calls, files if victim == "files" else warehouse, patched)
        try:
            run_step.run_step(LAST, work, Run(files, warehouse))
        except Died:
            assert has_died()
    run_step.run_step(LAST, work, Run(files, warehouse))
    json_text, rows = text_of(files, warehouse)
    assert rows == [json_text]
    assert len(warehouse.of(CHECK_RESULTS)) == 1
    assert Ledger(files).last_done(LAST) == BATCH
    assert run_step.run_step(LAST, work, Run(files, warehouse)) == []


def test_a_run_that_died_between_the_row_and_its_mark_does_not_work_again(stores, monkeypatch) -> None:
    files, warehouse = stores
    with monkeypatch.context() as patched:
        dying(1, files, patched)  # the record is saved, and the mark is not
        with pytest.raises(Died):
            run_step.run_step(LAST, merged(), Run(files, warehouse))
    before = text_of(files, warehouse)
    assert before[1] == [before[0]], "the row was there already"

    def works(_record: object) -> run_step.Done:
        raise AssertionError("the step worked again")

    run_step.run_step(LAST, works, Run(files, warehouse))
    assert text_of(files, warehouse) == before
    assert Ledger(files).last_done(LAST) == BATCH


def test_a_batch_that_a_check_holds_up_works_again_and_then_its_record_is_final(stores) -> None:
    files, warehouse = stores
    run_step.run_step(LAST, merged(passed=False), Run(files, warehouse))
    assert (Ledger(files).last_done(LAST), warehouse.of(BATCH_METADATA)) == (BATCH - 1, [])
    run_step.run_step(LAST, merged(), Run(files, warehouse))
    json_text, rows = text_of(files, warehouse)
    assert rows == [json_text]
    assert '"passed": true' in json_text


def test_a_step_that_is_repeated_for_a_batch_that_is_done_leaves_its_record(stores) -> None:
    files, warehouse = stores
    run_step.run_step(LAST, merged(), Run(files, warehouse))
    before = text_of(files, warehouse)
    Ledger(files).mark_done(STEPS[-2], BATCH - 1)
    run_step.run_step(STEPS[-2], lambda _record: run_step.Done({"upserted": 99}), Run(files, warehouse))
    assert text_of(files, warehouse) == before
    assert Ledger(files).last_done(STEPS[-2]) == BATCH


def test_progress_of_the_last_step_is_read_once_for_all_batches_of_a_step(stores, monkeypatch) -> None:
    files, warehouse = stores
    ledger = Ledger(files)
    for batch in (BATCH + 1, BATCH + 2):
        ledger.save(record(batch, seconds={}))
    ledger.mark_done(STEPS[0], BATCH + 2)
    asked: list[str] = []
    last_done = Ledger.last_done
    monkeypatch.setattr(
        Ledger, "last_done", lambda self, step: (asked.append(step), last_done(self, step))[1]
    )
    work = merged()
    done = run_step.run_step(
        STEPS[1], lambda _record: run_step.Done(work(_record).counts), Run(files, warehouse)
    )
    assert [each.batch_id for each in done] == [BATCH + 1, BATCH + 2]
    assert asked.count(LAST) == 1
