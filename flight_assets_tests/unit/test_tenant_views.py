"""Databases of views have names that Hive takes, one for each tenant."""

from __future__ import annotations

import re

from flight_assets.pipeline.tenant_views import database_of


def test_no_two_tenants_share_a_database_of_views():
    names = {database_of("flight_dw", name) for name in ("a-b", "a_b", "a--b", "a__b")}
    assert len(names) == 4
    assert database_of("flight_dw", "united") == "flight_dw_tenant_united"
    assert all(re.fullmatch(r"\w+", name) for name in names)
