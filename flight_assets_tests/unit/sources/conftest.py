"""Files made by the tests, and the flights that become of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flight_assets.contracts.reference import Reference, load_reference
from flight_assets.producer.loaded import loaded_messages
from flight_assets.sources.mapping import read_mapping
from flight_assets.sources.reading import sources_of
from flight_assets.sources.registry import layout_of
from flight_assets.sources.spool import Spool
from flight_assets.sources.survey import Survey, Surveyor


@pytest.fixture(scope="session")
def reference() -> Reference:
    return load_reference()


class Loaded:
    """Findings of a load of files: its survey, and the flights with their ids."""

    def __init__(
        self, folder: Path, reference: Reference, paths: list[Path], layout: str, mapping: Path | None
    ) -> None:
        described = read_mapping(mapping) if mapping else None
        if described:
            sources = [
                (source, described.layout_for(source))
                for path in paths
                for source in sources_of(path, **described.reading)
            ]
        else:
            sources = [(source, layout_of(source, layout)) for path in paths for source in sources_of(path)]
        self.layouts = [found.name for _, found in sources]
        self.reference, self.spool = reference, Spool(folder / "days")
        self.survey: Survey = Surveyor(reference, self.spool, folder / "unusable.csv").survey(
            sources, lambda _: None
        )

    def events(self, **options: Any) -> list[dict[str, Any]]:
        return [
            json.loads(message.value) for message in loaded_messages(self.spool, self.reference, **options)
        ]

    def flights(self) -> dict[str, dict[str, Any]]:
        """The last event of each flight, by flight_id."""
        return {event["flight_id"]: event for event in self.events()}

    def times(self, kind: str) -> dict[str, str]:
        return {
            event["flight_id"]: event["timestamp"] for event in self.events() if event["event_type"] == kind
        }

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return sorted((line, reason) for _, line, reason, _ in self.survey.examples)


@pytest.fixture
def load(tmp_path: Path, reference: Reference) -> Callable[..., Loaded]:
    """Load texts (or bytes) as files: ``load({"a.csv": text})``."""

    def run(files: dict[str, str | bytes], layout: str = "", mapping: str = "") -> Loaded:
        paths = []
        for name, content in files.items():
            path = tmp_path / name
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            paths.append(path)
        described = tmp_path / "mapping.toml" if mapping else None
        if described:
            described.write_text(mapping, encoding="utf-8")
        earlier = len(list(tmp_path.glob("load*")))
        return Loaded(
            tmp_path / (f"load{earlier}" if earlier else "load"), reference, paths, layout, described
        )

    return run


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)
