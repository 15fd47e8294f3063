"""Pages of the dashboard as nodes of the asset graph, to show which pages a change reaches."""

from dagster import AssetSpec

from flight_assets.assets.pipeline import OWNERS
from flight_assets.contracts.lineage import PAGES

dashboard_pages = [
    AssetSpec(
        name,
        deps=list(reads),
        description=f"{title}. A page of the dashboard.",
        group_name="dashboard",
        kinds={"streamlit"},
        owners=OWNERS,
    )
    for name, (title, reads) in PAGES.items()
]
