"""All layouts, in the order in which a file is compared with them."""

from __future__ import annotations

from dataclasses import replace

from flight_assets.errors import FlightsError
from flight_assets.sources.bts import DATA_EXPO, KAGGLE, PREZIP, T_ONTIME
from flight_assets.sources.flightaware import AEROAPI, FIREHOSE
from flight_assets.sources.layout import Layout
from flight_assets.sources.messages import MESSAGES
from flight_assets.sources.opening import Source
from flight_assets.sources.tables import ANAC, EUROCONTROL, NYCFLIGHTS, OPENSKY

LAYOUTS: tuple[Layout, ...] = (
    PREZIP,
    T_ONTIME,
    KAGGLE,
    NYCFLIGHTS,
    DATA_EXPO,
    ANAC,
    OPENSKY,
    EUROCONTROL,
    AEROAPI,
    FIREHOSE,
    MESSAGES,
)
LAYOUT_NAMES = tuple(layout.name for layout in LAYOUTS if not layout.refusal)


def layout_of(source: Source, name: str = "") -> Layout:
    """Return the layout of a source: the one of this name, or the first that recognises it.

    Raises:
        FlightsError: none does, or it lacks columns, or files of its layout cannot be loaded.
    """
    if name and name not in LAYOUT_NAMES:
        raise FlightsError(f"there is no layout {name}: choose one of {', '.join(LAYOUT_NAMES)}")
    fitting = [layout for layout in LAYOUTS if (layout.name == name if name else _fits(layout, source))]
    if not fitting:
        raise FlightsError(
            f"{source.name} has none of the layouts {', '.join(LAYOUT_NAMES)}; it begins with"
            f" {', '.join(source.header[:8]) or '-'}. Describe its columns in a mapping file and give it with"
            " --mapping, see docs/sources.md"
        )
    layout = fitting[0]
    if layout.refusal:
        raise FlightsError(f"{source.name} is a file of {layout.title}: {layout.refusal}")
    present = {heading.strip().lower() for heading in source.header}
    missing = [names for names in layout.needs if not present & {each.lower() for each in names}]
    if missing:
        lacking = "; ".join(" or ".join(names) for names in missing)
        raise FlightsError(
            f"{source.name} ({layout.title}) lacks a column that every flight needs: {lacking}. Export it"
            " again with it"
        )
    return layout


def with_header(source: Source, layout: Layout) -> Source:
    """Return the source, without a header if its first row holds values and the layout has headings."""
    has_values = bool(layout.headings) and bool(source.header) and source.header[0].strip().isdigit()
    return replace(source, has_header=False) if has_values else source


def _fits(layout: Layout, source: Source) -> bool:
    is_table = source.kind in ("csv", "parquet")
    return (is_table == (layout.kind == "csv") or bool(layout.refusal)) and layout.recognises(source.header)
