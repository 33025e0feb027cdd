"""The API's document, and whether what is sent is as it says."""

import functools

import jsonschema
import yaml

from sluice import ROOT


@functools.cache
def document():
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


def spelled_out(part, document):
    """A schema with what it refers to in its place."""
    if isinstance(part, dict):
        if "$ref" in part:
            found = document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            return spelled_out(found, document)
        return {name: spelled_out(value, document) for name, value in part.items()}
    return [spelled_out(value, document) for value in part] if isinstance(part, list) else part


def content(kind):
    """What the document says of messages of a type."""
    return document()["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]


def check(message):
    """Fails where a message is not as the document says."""
    jsonschema.validate(message, spelled_out(content(message["type"])["schema"], document()))
