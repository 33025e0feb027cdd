"""Streams: every event, many at once, in order, from wherever one likes."""

import os
import random
import threading
import time

import pytest

from receiver import Receiver
from sluice import ALLOWED, Sluice, until

SEEDS = int(os.environ.get("SLUICE_WEBHOOK_SEEDS", "3"))


def stream(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, "events": ["*"], "mode": "stream", **settings})
    assert answer.status == 201, answer.body
    return answer.json


def seqs(receiver):
    with receiver.lock:
        return [event["seq"] for request in receiver.requests for event in request["json"]["data"]]


def state(server, endpoint):
    return server.request("GET", f"/v1/webhooks/endpoints/{endpoint['id']}/stats").json["stream"]


def events(count, first=0, name="Viewed"):
    return ({"identity": f"u{n % 7}", "event": name, "properties": {"n": n}} for n in range(first, first + count))


def test_everything_comes_in_order_many_at_once_signed(shop, receiver):
    shop.collect(*events(5))
    made = stream(shop, receiver.url, batch=40)
    receiver.secrets = [made["secret"]]
    # Not in the outbox.
    shop.collect(*events(200, 5))
    rows = shop.data.parent / "rows.csv"
    rows.write_text("identity,event,timestamp\n" + "".join(f"old{n},Signed Up,2020-01-01\n" for n in range(30)))
    shop.cli("import", rows, "--map", "identity=identity,event=event,timestamp=timestamp")
    assert until(lambda: len(seqs(receiver)) >= 230)
    assert seqs(receiver) == list(range(6, 236)), "imports are events, too; what came before it was made is not sent"
    assert receiver.refused == [] and len(receiver.requests) < 60
    for request in receiver.requests:
        message = request["json"]
        assert list(message) == ["type", "timestamp", "id", "data", "seq_from", "seq_to"] and message["type"] == "event.batch"
        assert 1 <= len(message["data"]) <= 40 and message["id"] == request["id"]
        assert (message["seq_from"], message["seq_to"]) == (message["data"][0]["seq"], message["data"][-1]["seq"])
    shown = {event["seq"]: event for event in shop.request("GET", "/v1/events?limit=1000").json["data"]}
    assert all(event == shown[event["seq"]] for request in receiver.requests for event in request["json"]["data"])
    assert shop.request("GET", "/v1/deliveries").json["data"] == []
    assert until(lambda: state(shop, made)["lag_items"] == 0) and state(shop, made)["events"] == 230
    metrics = shop.request("GET", "/metrics").body.decode()
    assert f'sluice_webhook_stream_lag_items{{project="default",endpoint="{made["id"]}"}} 0' in metrics


def test_only_what_is_asked_for_and_from_where_one_likes(shop, receiver):
    shop.collect(*(item for n in range(50) for item in (*events(1, n), *events(1, n, "Purchased"))))
    made = stream(shop, receiver.url, events=["Purchased"], where={"property": "n", "gte": 40}, payload="thin")
    path = f"/v1/webhooks/endpoints/{made['id']}/seek"
    assert shop.request("POST", path, {"seq": 0}).json["stream"]["lag_items"] == 100
    assert until(lambda: len(seqs(receiver)) == 10) and seqs(receiver) == list(range(82, 101, 2))
    assert set(receiver.requests[0]["json"]["data"][0]) == {"seq", "event_id", "person_id"}
    # The same events are the same message, whenever they come.
    first = receiver.ids()
    shop.cli("webhooks", "seek", made["id"], "81")
    assert until(lambda: len(seqs(receiver)) == 20) and receiver.ids()[len(first):] == first
    assert until(lambda: state(shop, made)["seq"] == 100)
    for wrong in ({"seq": 101}, {"seq": -1}, {"seq": "1"}, {}):
        assert shop.request("POST", path, wrong).status == 400
    plain = shop.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "events": ["*"]}).json
    assert shop.request("POST", f"/v1/webhooks/endpoints/{plain['id']}/seek", {"seq": 0}).status == 409
    for wrong in ({"order": "person"}, {"include": ["properties"]}, {"events": []}, {"events": ["endpoint.*"]}, {"batch": 0}):
        answer = shop.request("POST", "/v1/webhooks/endpoints", {"url": receiver.url, "events": ["*"], "mode": "stream", **wrong})
        assert answer.status == 400, answer.body
    assert shop.request("PATCH", f"/v1/webhooks/endpoints/{made['id']}", {"mode": "messages"}).status == 400


def test_it_waits_where_it_stands_until_a_batch_is_taken(shop, receiver):
    receiver.answer = lambda request: 200 if request["number"] > 3 else (503, {"retry-after": "1"}, b"busy")
    made = stream(shop, receiver.url, batch=10, retry=["1s"])
    shop.collect(*events(25))
    assert until(lambda: len(receiver.requests) >= 1)
    behind = state(shop, made)
    assert behind["seq"] == 0 and behind["lag_items"] == 25
    assert until(lambda: (state(shop, made)["last_attempt"] or {}).get("status") == 503)
    assert until(lambda: len(receiver.requests) >= 6)
    with receiver.lock:
        firsts = [request["json"]["seq_from"] for request in receiver.requests]
        assert firsts[:4] == [1] * 4 and len(set(receiver_ids := [request["id"] for request in receiver.requests[:4]])) == 1, receiver_ids
    assert sorted(set(seqs(receiver))) == list(range(1, 26))
    # Paused it is silent; it goes on where it was.
    shop.request("PATCH", f"/v1/webhooks/endpoints/{made['id']}", {"paused": True})
    before = len(receiver.requests)
    shop.collect(*events(5))
    assert until(lambda: state(shop, made)["lag_items"] == 5)
    assert len(receiver.requests) == before
    shop.request("PATCH", f"/v1/webhooks/endpoints/{made['id']}", {"paused": False})
    assert until(lambda: seqs(receiver)[-1] == 30)
    receiver.answer = lambda request: 410
    shop.collect(*events(1))
    shown = lambda: shop.request("GET", f"/v1/webhooks/endpoints/{made['id']}").json
    assert until(lambda: shown()["state"] == "disabled") and "410" in shown()["reason"]


def test_an_erasure_reaches_a_stream_that_is_behind(shop, receiver):
    made = stream(shop, receiver.url)
    shop.request("PATCH", f"/v1/webhooks/endpoints/{made['id']}", {"paused": True})
    shop.collect({"identity": "ann", "event": "A"}, {"identity": "bob", "event": "A"})
    shop.cli("erase", "ann")
    shop.request("PATCH", f"/v1/webhooks/endpoints/{made['id']}", {"paused": False})
    assert until(lambda: seqs(receiver))
    assert [event["identity"] for request in receiver.requests for event in request["json"]["data"]] == ["bob"]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_crash_leaves_nothing_out_and_nothing_out_of_order(tmp_path, seed):
    """Killed again and again while events come and go: each is there, and what comes twice begins where the stream stood."""
    dice = random.Random(seed)
    receiver = Receiver(lambda request: 500 if dice.random() < 0.01 else 200)
    server = Sluice(tmp_path / "data").start(*ALLOWED)
    try:
        made = stream(server, receiver.url, batch=dice.choice([20, 100, 500]), retry=["1s"])
        sent = 0
        for _ in range(4):
            stop = threading.Event()

            def feed():
                nonlocal sent
                while not stop.is_set():
                    try:
                        server.collect(*events(dice.randint(1, 20), sent))
                    except Exception:  # the server was killed meanwhile
                        return
                    sent += 20

            thread = threading.Thread(target=feed)
            thread.start()
            time.sleep(dice.uniform(0.05, 0.6))
            server.kill()
            stop.set()
            thread.join()
            server.start(*ALLOWED)
        server.collect(*events(1, sent))
        assert until(lambda: state(server, made)["lag_items"] == 0, patience=120)
        stored = [event["seq"] for event in all_events(server)]
        taken = seqs(receiver)
        assert sorted(set(taken)) == sorted(stored)
        # Whatever is seen for the first time is greater than all before.
        seen = 0
        for seq in taken:
            if seq > seen:
                assert not [s for s in stored if seen < s < seq]
                seen = seq
    finally:
        server.stop()
        receiver.close()


def all_events(server):
    rows, cursor = [], ""
    while cursor is not None:
        answer = server.request("GET", f"/v1/events?limit=1000{cursor and '&cursor=' + cursor}").json
        rows, cursor = rows + answer["data"], answer["next_cursor"]
    return rows
