"""A key of the API from its command to its end."""

from __future__ import annotations

import json

from flight_assets.stores import access, mongo
from flight_assets_tests.integration.api_client import (
    Api,
    until,
)


def test_a_key_lives_from_its_command_to_its_end(quiet_platform):
    from flight_assets_tests.integration.conftest import run_command

    made = json.loads(
        run_command(
            "flights", "api", "key", "create", "tests", "--role", "reader", "--days", "1", "--json"
        ).stdout
    )
    api = Api(quiet_platform, made["key"])
    assert api.get("/v1/flights").status_code == 200
    assert api.get("/v1/batches").status_code == 403
    listed = {
        each["prefix"]: each
        for each in json.loads(run_command("flights", "api", "key", "list", "--json").stdout)
    }
    assert (listed[made["prefix"]]["role"], listed[made["prefix"]]["state"]) == ("reader", "valid")
    assert made["key"].rsplit("_", 1)[1] not in json.dumps(listed)
    with mongo.database(quiet_platform) as db:
        assert made["key"].rsplit("_", 1)[1] not in str(db[access.KEYS].find_one({"_id": made["prefix"]}))
    run_command("flights", "api", "key", "revoke", made["prefix"])
    until(lambda: api.get("/v1/flights").status_code == 401)
