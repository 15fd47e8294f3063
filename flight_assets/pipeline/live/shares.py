"""Share of the topic's partitions among the live processes, by leases.

Each process reads every partition, so that its look-back is whole. It writes only the events of its own
partitions, one lease for each. A process that joins gets its share when the others have let go of it. The
partitions of a process that has died go to the others.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from flight_assets.stores import lease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from flight_assets.settings import Settings

MEMBER = f"{lease.LIVE}: "
PARTITION = f"{lease.LIVE}, partition "


class Shares:
    """Partitions of one live process. ``name``: its lease as a member."""

    def __init__(self, settings: Settings, name: str, still_member: Callable[[], None]) -> None:
        self._settings, self.name, self._still_member = settings, name, still_member
        self._held: dict[int, tuple[Callable[[], None], ExitStack]] = {}

    @property
    def partitions(self) -> frozenset[int]:
        """Partitions whose events this process writes."""
        return frozenset(self._held)

    def update(self, partitions: Collection[int]) -> bool:
        """Let go of others' partitions, and take own ones that are free. Returns whether any was taken.

        Read again what a taken partition held before: its last holder may not have written it.
        """
        wanted = share_of(self.name, lease.names(self._settings, MEMBER), partitions)
        for number in self.partitions - wanted:
            self._held.pop(number)[1].close()
        taken = False
        for number in sorted(wanted - self.partitions):
            stack = ExitStack()
            try:
                still_held = stack.enter_context(
                    lease.hold(self._settings, self.name, 0, f"{PARTITION}{number}")
                )
            except lease.LeaseBusy:
                continue
            self._held[number], taken = (still_held, stack), True
        return taken

    def check(self) -> None:
        """Raise LeaseLost if another process may have taken one of the partitions."""
        self._still_member()
        for still_held, _ in self._held.values():
            still_held()

    def close(self) -> None:
        """Let go of every partition."""
        while self._held:
            self._held.popitem()[1][1].close()


def share_of(name: str, members: Sequence[str], partitions: Collection[int]) -> frozenset[int]:
    """Return the partitions of one member: every n-th, by its place among n members ordered by name."""
    ordered = sorted({*members, name})
    return frozenset(number for number in partitions if ordered[number % len(ordered)] == name)


@contextmanager
def joined(settings: Settings) -> Iterator[Shares]:
    """Yield the share of a new member, without partitions yet. Raises StoreUnavailable."""
    name = f"{MEMBER}{uuid4().hex}"
    with lease.hold(settings, "live processing", 0, name) as still_member:
        shares = Shares(settings, name, still_member)
        try:
            yield shares
        finally:
            shares.close()
