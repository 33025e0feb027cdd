"""What tests of triggers have in common."""

from sluice import until


def advance(server, length):
    answer = server.request("POST", "/v1/test/clock", {"advance": length})
    assert answer.status == 200, answer.body


def add(server, url, **settings):
    answer = server.request("POST", "/v1/webhooks/endpoints", {"url": url, **settings})
    assert answer.status == 201, answer.body
    return answer.json


def trigger(server, when, then=(), status=201, **more):
    answer = server.request("POST", "/v1/triggers", {"name": "t", "when": when, "then": list(then), **more})
    assert answer.status == status, answer.body
    return answer.json


def health(server, made):
    return server.request("GET", f"/v1/triggers/{made['id']}/health").json


def settled(server):
    """All that was put into the outbox is done with; its deliveries. What fires is in it at once with all its messages."""
    def found():
        rows = server.request("GET", "/v1/deliveries?limit=1000").json["data"]
        return rows if all(row["status"] not in ("pending", "sending") for row in rows) else None

    return until(found)


def fired(receiver):
    return [request["json"]["data"] for request in list(receiver.requests) if request["json"]["type"] == "trigger.fired"]
