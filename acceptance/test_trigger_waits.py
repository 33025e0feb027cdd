"""What triggers wait for, through hours, crashes and ten thousand timers. The numbers are those of test_triggers."""

import os
import random
import threading
import time

import pytest

import sluice
from sluice import ALLOWED, Sluice, until
from triggering import add, advance, fired, health, settled, trigger

SEEDS = int(os.environ.get("SLUICE_WEBHOOK_SEEDS", "3"))


def test_a_and_not_b(shop, receiver):
    endpoint = add(shop, receiver.url)
    made = trigger(
        shop, {"event": "Cart", "absent": {"event": "Paid", "within": "2s"}, "correlate": "properties.cart_id"},
        [{"endpoint": endpoint["id"]}])
    shop.collect(
        {"identity": "ann", "event": "Cart", "properties": {"cart_id": 1}},
        {"identity": "ann", "event": "Cart", "properties": {"cart_id": 2}},
        {"identity": "cookie", "event": "Cart", "properties": {"cart_id": 3}})
    shop.collect({"identity": "ann", "event": "Paid", "properties": {"cart_id": 1}})
    # The other person is this one, and has paid.
    shop.collect({"identity": "cookie-2", "event": "Paid", "properties": {"cart_id": 3}})
    shop.collect({"type": "alias", "identity": "cookie", "other": "cookie-2"})
    assert until(lambda: fired(receiver))
    data = fired(receiver)[0]
    assert data["event"]["properties"] == {"cart_id": 2} and data["person_id"]
    assert data["event"]["person_id"] == data["person_id"]
    # Of the others nothing is waited for any more.
    assert until(lambda: health(shop, made)["open"] == 0)
    assert health(shop, made)["counts"]["fired"] == 1 and len(settled(shop)) == 1


def test_kill_between_arming_and_the_deadline(shop, receiver):
    """6: it fires once after the restart, and says how late it is."""
    endpoint = add(shop, receiver.url)
    made = trigger(shop, {"event": "Cart", "absent": {"event": "Paid", "within": "1s"}}, [{"endpoint": endpoint["id"]}])
    shop.collect({"identity": "ann", "event": "Cart"}, {"identity": "bob", "event": "Cart"})
    shop.collect({"identity": "bob", "event": "Paid"})
    shop.kill()
    late = time.time() + 1.7
    assert until(lambda: time.time() > late)
    shop.start(*ALLOWED)
    assert until(lambda: fired(receiver))
    assert until(lambda: health(shop, made)["open"] == 0)
    settled(shop)
    assert [data["identity"] for data in fired(receiver)] == ["ann"]
    assert fired(receiver)[0]["late_by_s"] > 0.5


def test_kill_after_it_fired_and_before_it_is_sent(shop, receiver):
    """7: what fired is sent once, under the id that it had."""
    endpoint = add(shop, receiver.url)
    made = trigger(shop, {"event": "A"}, [{"endpoint": endpoint["id"]}])
    path = f"/v1/webhooks/endpoints/{endpoint['id']}"
    assert shop.request("PATCH", path, {"paused": True}).json["state"] == "paused"
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: health(shop, made)["counts"]["fired"] == 1)
    waiting = shop.request("GET", "/v1/deliveries").json["data"]
    assert [(row["status"], row["attempts"]) for row in waiting] == [("pending", 0)]
    shop.kill()
    shop.start(*ALLOWED)
    assert receiver.requests == []
    assert shop.request("PATCH", path, {"paused": False}).json["state"] == "active"
    assert until(lambda: receiver.requests)
    [done] = settled(shop)
    assert receiver.ids() == [waiting[0]["webhook_id"]] == [done["webhook_id"]] and done["attempts"] == 1
    assert health(shop, made)["counts"]["fired"] == 1


def test_kill_while_it_is_sent(shop, receiver):
    """8: what was on its way is sent again under the same id, as the second attempt, with a timestamp of its own."""
    endpoint = add(shop, receiver.url, retry=["1s"] * 5)
    receiver.secrets = [endpoint["secret"]]
    trigger(shop, {"event": "A"}, [{"endpoint": endpoint["id"]}])
    hang = threading.Event()
    receiver.answer = lambda request: hang.wait(60) and 204
    shop.collect({"identity": "ann", "event": "A"})
    assert until(lambda: receiver.requests)
    # The next attempt is in another second.
    assert until(lambda: time.time() >= int(receiver.requests[0]["headers"]["webhook-timestamp"]) + 1)
    shop.kill()
    receiver.answer = lambda request: 204
    hang.set()
    shop.start(*ALLOWED)
    assert until(lambda: len(receiver.requests) == 2)
    first, second = receiver.requests
    assert first["id"] == second["id"] and first["body"] == second["body"] and receiver.refused == []
    assert first["headers"]["webhook-timestamp"] != second["headers"]["webhook-timestamp"]
    assert until(lambda: shop.request("GET", f"/v1/deliveries?endpoint={endpoint['id']}&status=delivered").json["data"])
    row = shop.request("GET", f"/v1/deliveries?endpoint={endpoint['id']}").json["data"][0]
    assert row["attempts"] == 2


CART = {"event": "Cart", "absent": {"event": "Paid", "within": "30m"}}


def test_hours_pass_at_once(clocked, receiver):
    """1, 10, 12 and 13: what is waited for, with a clock that is set ahead."""
    endpoint = add(clocked, receiver.url)
    made = trigger(clocked, CART, [{"endpoint": endpoint["id"]}])
    clocked.collect(*({"identity": who, "event": "Cart"} for who in ("ann", "bob", "cookie")))
    advance(clocked, "29m")
    clocked.collect({"identity": "bob", "event": "Paid"}, {"identity": "ann", "event": "Cart"})
    clocked.collect({"identity": "cookie-2", "event": "Paid"}, {"type": "alias", "identity": "cookie", "other": "cookie-2"})
    advance(clocked, "2m")
    clocked.collect({"identity": "eve", "event": "Cart"})
    assert until(lambda: clocked.request("GET", f"/v1/triggers/{made['id']}/health").json["counts"]["cancelled"] == 2)
    assert fired(receiver) == []
    advance(clocked, "28m")
    assert until(lambda: fired(receiver))
    assert [data["identity"] for data in fired(receiver)] == ["ann"]
    rows = clocked.data.parent / "rows.csv"
    rows.write_text("identity,event,timestamp\nold,Cart,2020-01-01\neve,Paid," + fired(receiver)[0]["fired_at"] + "\n")
    clocked.cli("import", rows, "--map", "identity=identity,event=event,timestamp=timestamp")
    advance(clocked, "3h")
    health = clocked.request("GET", f"/v1/triggers/{made['id']}/health").json
    assert health["open"] == 0 and health["counts"]["fired"] == 1 and health["counts"]["cancelled"] == 3
    # Why, and why not.
    def explain(who):
        return clocked.request("GET", f"/v1/triggers/{made['id']}/explain?identity={who}").json
    assert explain("ann")["why_not"] is None
    assert explain("ann")["firings"][0]["deliveries"][0]["status"] == "delivered"
    assert [i["state"] for i in explain("ann")["instances"]] == ["fired", "superseded"]
    assert "what was waited for came" in explain("cookie-2")["why_not"]
    assert explain("eve")["person_id"].startswith("p_")
    assert "nobody is known by" in explain("old-stranger")["why_not"] and explain("old-stranger")["person_id"] is None
    assert "has the name" in explain("eve")["why_not"] or explain("eve")["instances"]


def test_a_new_window_holds_for_what_is_waited_for(clocked, receiver):
    """14."""
    endpoint = add(clocked, receiver.url)
    made = trigger(clocked, CART, [{"endpoint": endpoint["id"]}])
    clocked.collect({"identity": "ann", "event": "Cart"})
    assert until(lambda: clocked.request("GET", f"/v1/triggers/{made['id']}/health").json["open"] == 1)
    shorter = {"event": "Cart", "absent": {"event": "Paid", "within": "10m"}}
    changed = clocked.request("PATCH", f"/v1/triggers/{made['id']}", {"when": shorter, "open": "migrate"}).json
    assert changed["version"] == 2
    advance(clocked, "11m")
    assert until(lambda: fired(receiver))
    assert fired(receiver)[0]["trigger"]["version"] == 2


def test_ten_thousand_timers(clocked, receiver):
    """17: due in one moment, all of them fire; how late the last one was."""
    made = trigger(clocked, CART)
    for start in range(0, 10_000, 1_000):
        clocked.collect(*({"identity": f"u{n}", "event": "Cart"} for n in range(start, start + 1_000)))
    path = f"/v1/triggers/{made['id']}/health"
    assert until(lambda: clocked.request("GET", path).json["open"] == 10_000)
    advance(clocked, "40m")
    assert until(lambda: clocked.request("GET", path).json["counts"]["fired"] == 10_000)
    assert clocked.request("GET", path).json["open"] == 0


def test_silence(clocked, receiver):
    endpoint = add(clocked, receiver.url)
    made = trigger(clocked, {"silence": {"event": "Beat", "for": "10m"}}, [{"endpoint": endpoint["id"]}])
    # One that is shorter says that the timers were looked at.
    shorter = trigger(clocked, {"silence": {"event": "Beat", "for": "8m"}})
    for times in (1, 2):
        clocked.collect({"identity": "ann", "event": "Beat"})
        advance(clocked, "9m")
        assert until(lambda: health(clocked, shorter)["counts"]["fired"] == times)
    assert fired(receiver) == [] and health(clocked, made)["counts"]["fired"] == 0
    advance(clocked, "2m")
    assert until(lambda: fired(receiver))
    # It is told once: nothing is waited for until something comes.
    assert health(clocked, made)["open"] == 0
    advance(clocked, "2h")
    assert health(clocked, made)["open"] == 0 and len(settled(clocked)) == 1
    assert [(data["event"], data["person_id"]) for data in fired(receiver)] == [(None, None)]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_crashes_double_no_firing(tmp_path, receiver, seed):
    """SIGKILL at random: every firing comes, each under one id, and what was answered in time fires nothing."""
    dice = random.Random(seed)
    shop = Sluice(tmp_path / "data").start(*ALLOWED)
    endpoint = add(shop, receiver.url, retry=["1s"] * 20)
    made = [
        trigger(shop, {"event": "Buy"}, [{"endpoint": endpoint["id"]}]),
        trigger(shop, {"event": "Cart", "absent": {"event": "Paid", "within": "3s"}}, [{"endpoint": endpoint["id"]}])]
    sent, expected = 0, set()
    for _ in range(4):
        for _ in range(dice.randint(1, 6)):
            batch = []
            for _ in range(dice.randint(1, 20)):
                who = f"u{sent}"
                sent += 1
                batch.append({"id": f"buy-{who}", "identity": who, "event": "Buy"})
                batch.append({"id": f"cart-{who}", "identity": who, "event": "Cart"})
                expected.add(("Buy", who))
                if dice.random() < 0.5:
                    batch.append({"id": f"paid-{who}", "identity": who, "event": "Paid"})
                else:
                    expected.add(("Cart", who))
            shop.collect(*batch)
        time.sleep(dice.random())
        shop.kill()
        shop.start(*ALLOWED)

    def seen():
        return {(data["event"]["event"], data["identity"]) for data in fired(receiver)}

    assert until(lambda: seen() >= expected)
    assert until(lambda: health(shop, made[1])["open"] == 0)
    assert sum(health(shop, one)["counts"]["fired"] for one in made) == len(expected)
    settled(shop)
    assert seen() == expected
    ids = {}
    for request in list(receiver.requests):
        data = request["json"]["data"]
        ids.setdefault((data["event"]["event"], data["identity"]), set()).add(request["id"])
    assert all(len(found) == 1 for found in ids.values())
    shop.stop()


def test_a_clock_that_leaps_ahead_fires_nothing_by_that(tmp_path, receiver):
    server = Sluice(tmp_path / "data", sluice.TESTING).start(*ALLOWED, "--clock", "test", "--hold-timers", "2h")

    def clock(**moves):
        assert server.request("POST", "/v1/test/clock", moves).status == 200

    def held():
        return server.request("GET", "/v1/status").json["held_timers"]

    try:
        endpoint = add(server, receiver.url)
        made = trigger(server, {"event": "Cart", "absent": {"event": "Paid", "within": "30m"}}, [{"endpoint": endpoint["id"]}])
        server.collect({"identity": "ann", "event": "Cart"})
        assert until(lambda: health(server, made)["open"] == 1)
        assert held() is None and "resumed" in server.cli("triggers", "resume-timers", "--json").stdout
        clock(leap="1h")
        assert held()["leap_seconds"] == 3600
        doctor = server.cli("doctor").stdout
        assert "leapt ahead by 3,600 s" in doctor, doctor
        assert "sluice_timers_held 1" in server.request("GET", "/metrics").body.decode()
        # Half an hour later it fires, on time, whatever the clock says.
        clock(advance="29m")
        assert health(server, made)["open"] == 1 and not fired(receiver)
        clock(advance="2m")
        assert until(lambda: fired(receiver))
        assert fired(receiver)[0]["identity"] == "ann" and fired(receiver)[0]["late_by_s"] < 300
        clock(back="1h")
        assert held() is None
        # Somebody says that the clock is right: what is due by it fires, and says how late that is.
        server.collect({"identity": "bob", "event": "Cart"})
        assert until(lambda: health(server, made)["open"] == 1)
        clock(leap="1h")
        assert held() and health(server, made)["open"] == 1
        assert "Timers go on" in server.cli("triggers", "resume-timers").stdout
        assert until(lambda: len(fired(receiver)) == 2)
        assert fired(receiver)[1]["late_by_s"] > 1500 and held() is None
    finally:
        server.stop()
