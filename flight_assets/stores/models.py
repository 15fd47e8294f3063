"""Registry of delay models on HDFS: one directory per version, and a journal that names the champion."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.delay_model.errors import ModelError, UnfitFeaturesError
from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.shipped import EARLIER, shipped_files
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flight_assets.delay_model.registry.model import DelayModel, Manifest

MODELS_ROOT = "/models/delay_model"
JOURNAL = f"{MODELS_ROOT}/journal"
VERSIONS_KEPT_IN_MEMORY = 4


class Action(StrEnum):
    """Action of a journal entry."""

    PROMOTE = "promote"
    REFUSE = "refuse"
    ROLLBACK = "rollback"
    CHALLENGE = "challenge"
    WITHDRAW = "withdraw"


class Entry(BaseModel):
    """Entry of the journal: one decision, and the versions that predict after it."""

    sequence: int
    at: AwareDatetime
    action: Action
    version: str = Field(description="the version that the decision is about")
    champion: str | None = Field(description="predicts and is served")
    challenger: str | None = Field(description="predicts beside the champion, is compared, not served")
    reason: str
    figures: dict[str, Any] = Field(default_factory=dict, description="what the decision rests on")


class ModelStore:
    """Versions of the delay model by name, and the journal of decisions about them.

    The newest entry of the journal is the state. Entries are numbered files that are never replaced. Of two
    decisions at the same moment, one fails and can be repeated. A crash leaves the old or the new state.
    """

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs

    def publish(self, model: DelayModel, more: Mapping[str, bytes] | None = None) -> str:
        """Write a version and further files, the manifest last: it marks the version complete.

        Returns the HDFS path.
        """
        return self._publish(model.manifest.version, artifact.save(model, more))

    def _publish(self, version: str, files: Mapping[str, bytes]) -> str:
        root = f"{MODELS_ROOT}/{version}"
        for name in sorted(files, key=lambda name: name == artifact.MANIFEST_FILE):
            self._hdfs.write(f"{root}/{name}", files[name])
        return root

    def install_shipped(self) -> Entry | None:
        """Make the package's general model the champion, if there is none or an upgrade asks for it.

        An upgrade does if the champion needs other features, or is an earlier general model.
        Returns the journal's entry; None if a usable champion is there.
        """
        reason = self._reason_to_install()
        if reason is None:
            return None
        files = shipped_files()
        version = artifact.manifest(files).version
        if version not in self.versions():
            self._publish(version, files)
        return self.promote(version, f"the general model of the package: {reason}")

    def _reason_to_install(self) -> str | None:
        champion = self.champion()
        if champion is None:
            return "there was no champion"
        if champion in EARLIER:
            return f"it takes the place of its earlier version {champion}"
        try:
            artifact.check_contract(self.manifest(champion))
        except UnfitFeaturesError as error:
            return str(error)
        except ModelError:
            return None
        return None

    def promote(self, version: str, reason: str = "by hand", figures: dict[str, Any] | None = None) -> Entry:
        """Make a version the champion from the next batch on.

        Raises FlightsError if it is missing or unusable.
        """
        state = self.state()
        self._check(version)
        return self._enter(
            state, Action.PROMOTE, version, version, _others_challenger(state, version), reason, figures
        )

    def refuse(self, version: str, reason: str, figures: dict[str, Any] | None = None) -> Entry:
        """Record that a version was not promoted, and why."""
        state = self.state()
        champion, challenger = (state.champion, state.challenger) if state else (None, None)
        return self._enter(state, Action.REFUSE, version, champion, challenger, reason, figures)

    def rollback(self) -> Entry:
        """Restore the previous champion; a second call goes back one more.

        Raises FlightsError if there is none.
        """
        state, past = self.state(), _promoted(self.history())
        if len(past) < 2:
            raise FlightsError(
                "there is no earlier champion to go back to; `flights model list` shows the versions"
            )
        self._check(past[-2])
        challenger = _others_challenger(state, past[-2])
        return self._enter(state, Action.ROLLBACK, past[-2], past[-2], challenger, f"back from {past[-1]}")

    def challenge(self, version: str) -> Entry:
        """Let a version predict beside the champion from the next batch on.

        Raises FlightsError if it is unusable.
        """
        state = self.state()
        self._check(version)
        if state is None or state.champion is None:
            raise FlightsError(f"there is no champion to compare {version} with: promote one first")
        if state.champion == version:
            raise FlightsError(f"{version} is the champion; a challenger is another version")
        return self._enter(state, Action.CHALLENGE, version, state.champion, version, "by hand")

    def withdraw(self) -> Entry:
        """End the predictions of the challenger. Raises FlightsError if there is none."""
        state = self.state()
        if state is None or state.challenger is None:
            raise FlightsError("there is no challenger")
        return self._enter(state, Action.WITHDRAW, state.challenger, state.champion, None, "by hand")

    def champion(self) -> str | None:
        """Return the champion's version; None if none was promoted."""
        state = self.state()
        return state.champion if state else None

    def state(self) -> Entry | None:
        """Return the newest entry of the journal; None before the first."""
        names = self._hdfs.list(JOURNAL)
        return self._entry(names[-1]) if names else None

    def history(self) -> list[Entry]:
        """Return all entries, oldest first."""
        return [self._entry(name) for name in self._hdfs.list(JOURNAL)]

    def versions(self) -> list[str]:
        """Return the complete versions, sorted by name."""
        names = self._hdfs.list(MODELS_ROOT)
        return [name for name in names if self._hdfs.exists(f"{MODELS_ROOT}/{name}/{artifact.MANIFEST_FILE}")]

    def manifest(self, version: str) -> Manifest:
        """Return the manifest of a version; no other file is read.

        Raises FlightsError if it is missing or unreadable.
        """
        return artifact.manifest(self._files(version, (artifact.MANIFEST_FILE,)))

    def card(self, version: str) -> str:
        """Return the model card as Markdown."""
        return self._files(version, (artifact.CARD_FILE,))[artifact.CARD_FILE].decode()

    def load(self, version: str, pinned_sha256: str = "") -> DelayModel:
        """Read a version and check it against its manifest's hashes and the feature contract.

        Raises:
            FlightsError: it is missing, damaged, made for other features, or a pickle whose hash is not
                pinned.
        """
        return artifact.load(self._files(version), pinned_sha256)

    def _files(self, version: str, names: tuple[str, ...] = ()) -> dict[str, bytes]:
        root = f"{MODELS_ROOT}/{version}"
        present = self._hdfs.list(root) if "/" not in version else []
        if not present:
            raise ModelError(
                f"there is no model {version} at {root}; `flights model list` shows which there are"
            )
        return {name: self._hdfs.read(f"{root}/{name}") for name in present if not names or name in names}

    def _entry(self, name: str) -> Entry:
        return Entry.model_validate_json(self._hdfs.read(f"{JOURNAL}/{name}"))

    def _check(self, version: str) -> None:
        self.load(version, get_settings().pickled_model_sha256)

    def _enter(
        self,
        state: Entry | None,
        action: Action,
        version: str,
        champion: str | None,
        challenger: str | None,
        reason: str,
        figures: dict[str, Any] | None = None,
    ) -> Entry:
        entry = Entry(
            sequence=state.sequence + 1 if state else 0,
            at=datetime.now(UTC),
            action=action,
            version=version,
            champion=champion,
            challenger=challenger,
            reason=reason,
            figures=figures or {},
        )
        try:
            self._hdfs.create(
                f"{JOURNAL}/{entry.sequence:08d}.json", entry.model_dump_json(indent=1).encode()
            )
        except FileExistsError:
            raise FlightsError(
                "another decision about the models was made at this moment: look at `flights model history`,"
                " try again"
            ) from None
        return entry


def _others_challenger(state: Entry | None, champion: str) -> str | None:
    """Return the challenger, or None if it becomes the champion now."""
    return state.challenger if state and state.challenger != champion else None


def _promoted(history: list[Entry]) -> list[str]:
    """Return the champions that rollbacks can restore, oldest first. Each rollback removes the newest."""
    past: list[str] = []
    for entry in history:
        if entry.action is Action.PROMOTE and past[-1:] != [entry.version]:
            past.append(entry.version)
        elif entry.action is Action.ROLLBACK:
            past.pop()
    return past


@lru_cache(maxsize=VERSIONS_KEPT_IN_MEMORY)
def load_once(version: str, pinned_sha256: str = "") -> DelayModel:
    """Return a version, read once per process. Spark's workers use it."""
    return ModelStore(Hdfs(get_settings())).load(version, pinned_sha256)
