"""A time of day that leaps ahead and is put back, as what is computed of people by the day sees it."""

import json

import sluice
from sluice import ALLOWED, Sluice, until
from triggering import add, fired, health, trigger


def test_nobody_crosses_a_bound_by_a_day_that_was_taken_back(tmp_path, receiver):
    server = Sluice(tmp_path / "data", sluice.TESTING).start(*ALLOWED, "--clock", "test", "--hold-timers", "2h")

    def clock(**moves):
        assert server.request("POST", "/v1/test/clock", moves).status == 200

    def pay(identity):
        server.collect({"identity": identity, "event": "Purchased", "properties": {"amount": 60}})

    def people():
        return server.request("GET", "/v1/changes?dataset=people&limit=100").json["data"]

    try:
        server.cli("columns", "set", "idle", "--formula",
                   json.dumps({"terms": {"d": {"measure": "since_last"}}, "value": {"term": "d"}}))
        target = [{"endpoint": add(server, receiver.url)["id"]}]
        pay("ann")
        idle = trigger(server, {"column": "idle", "above": 20}, target)
        paid = trigger(server, {"column": "revenue_total", "above": 100}, target)
        for made in (idle, paid):
            assert until(lambda: health(server, made)["watch"]["ready"])
        clock(leap="40d")
        pay("bob")
        # The table of people has whoever came meanwhile: it was looked at since the leap.
        assert until(lambda: len(people()) == 2)
        clock(back="40d")
        pay("ann")
        assert until(lambda: fired(receiver))
        assert [data["trigger"]["id"] for data in fired(receiver)] == [paid["id"]]
    finally:
        server.stop()
