"""Every message that is sent is in the API's document, with what it says."""

import pytest

import document
from sluice import until
from test_webhooks import add

OWN = {"trigger.fired", "trigger.paused", "trigger.retracted", "trigger.recovered", "person.identified", "endpoint.failing",
       "endpoint.disabled", "endpoint.recovered", "message.exhausted", *(
           f"pipeline.{kind}" for kind in "failed stale skipped missed late freshness volume recovered".split())}


def test_messages_are_as_the_document_says(shop, receiver):
    add(shop, receiver.url, events=["*", "trigger.*", "person.identified"], include=["properties"])
    add(shop, receiver.url + "/thin", events=["*", "trigger.*"], payload="thin")
    add(shop, receiver.url + "/stream", events=["*"], mode="stream")
    add(shop, receiver.url + "/thin-stream", events=["*"], mode="stream", payload="thin")
    for when in ({"event": "A", "at_most": {"count": 1, "within": "1h"}}, {"property": "plan"}):
        assert shop.request("POST", "/v1/triggers", {"name": "t", "when": when, "then": []}).status == 201
    shop.collect(
        {"identity": "ann", "event": "A"}, {"identity": "ann", "event": "A"},
        {"type": "set", "identity": "ann", "properties": {"plan": "pro"}})
    wanted = {"event.recorded", "event.batch", "trigger.fired", "trigger.paused", "person.identified"}
    assert until(lambda: {request["json"]["type"] for request in list(receiver.requests)} >= wanted)
    paths = {"/hook", "/hook/thin", "/hook/stream", "/hook/thin-stream"}
    assert until(lambda: {request["path"] for request in list(receiver.requests)} == paths)
    for request in list(receiver.requests):
        document.check(request["json"])


def test_every_type_is_in_the_document_and_a_sample_of_it_is_as_it_says(shop, receiver):
    assert set(document.document()["webhooks"]) == OWN | {"event.recorded", "event.batch", "pipeline.test"}
    endpoint = add(shop, receiver.url)
    for kind in sorted(OWN | {"Purchased"}):
        path = f"/v1/webhooks/endpoints/{endpoint['id']}/test"
        assert shop.request("POST", path, {"event": kind}).json["delivered"], kind
        message = receiver.requests[-1]["json"]
        assert message["type"] == ("event.recorded" if kind == "Purchased" else kind)
        document.check(message)


@pytest.mark.parametrize("kind", sorted(kind for kind in document.document()["webhooks"] if kind.startswith("pipeline.")))
def test_examples_are_as_the_document_says(kind):
    example = document.content(kind)["example"]
    assert example["type"] == kind
    document.check(example)
