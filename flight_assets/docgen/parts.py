"""Pages of what the platform consists of: hooks into other programs, and licences."""

from __future__ import annotations

from flight_assets.docgen.markdown import page, table
from flight_assets.platform.patches import STATED, described


def licences_page() -> str:
    """Return the page of licences: the Python packages and the jars that are downloaded, by licence."""
    from flight_assets.platform.licences import read_table

    rows = read_table()
    parts = [
        "Everything that installing and the first start download, by the licence that it states."
        " `make lock` writes the list. The platform itself is Apache-2.0."
        " Servers in containers come with the licences of their images."
    ]
    for kind, heading in (("package", "Python packages"), ("jar", "Jars")):
        licences = sorted({row.licence for row in rows if row.kind == kind})
        named = (
            (
                licence,
                ", ".join(
                    f"{row.name} {row.version}" for row in rows if (row.kind, row.licence) == (kind, licence)
                ),
            )
            for licence in licences
        )
        parts += [f"## {heading}", table(("licence", heading.lower()), named)]
    return page("Licences", "`flight_assets/platform/licences.csv`", *parts)


def patches_page() -> str:
    """Return the page of the hooks into other programs, from the docstrings of their files."""
    rows = [[f"`{name}`", *said.values()] for name, said in described().items()]
    return page(
        "Hooks into other programs",
        "the docstrings of `flight_assets/platform/patches/`",
        "[Decision 018](../decisions/018-guarded-hooks.md) says which are kept. Gains are of its first day.",
        table(("file", "purpose", *(name.lower() for name in STATED)), rows),
    )
