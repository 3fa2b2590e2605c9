"""The OpenAPI document as the application serves it, with nothing behind its routes."""

import re
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from deployments.ingress import job_answers
from deployments.ingress import transcript_answers as answers
from deployments.ingress.access import Access
from deployments.ingress.app import build_app
from deployments.ingress.job_views import view
from deployments.ingress.metrics import Metrics
from izwi.files import formats
from izwi.files.formats import Transcript
from izwi.files.segments import Segment
from izwi.jobs.options import JobOptions
from izwi.jobs.record import Job, Told
from izwi.settings import Settings
from izwi.stages import Word
from tests.openapi import gaps

SEGMENT = Segment(0, (Word(" The", 0.12, 0.3, 0.98), Word(" house", 0.3, 0.6, 0.97)), "The house", speaker="SPEAKER_00")
HEARD = Transcript((SEGMENT,), "en", 1.6)
OPEN = {("get", "/healthz"), ("get", "/readyz")}


@cache
def app(debug: bool = True, keyed: bool = True) -> FastAPI:
    return assembled(Settings(debug=debug), Metrics(), keyed)


def assembled(settings: Settings, metrics: Metrics, keyed: bool = True) -> FastAPI:
    access = Access(SimpleNamespace() if keyed else None, None, None, ())  # type: ignore[arg-type]
    nothing = dict.fromkeys(("calls", "store", "tokens", "hotwords", "llm", "fleet", "registry", "jobs", "forks"))
    services = SimpleNamespace(settings=settings, access=access, metrics=metrics, tracing=None, **nothing)
    return build_app(services)  # type: ignore[arg-type]


def client(**options: bool) -> TestClient:
    return TestClient(app(**options), base_url="http://127.0.0.1")


def document(keyed: bool = True) -> dict[str, Any]:
    return client(keyed=keyed).get("/openapi.json").json()


def operations(told: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method, path): one for path, methods in told["paths"].items() for method, one in methods.items()}


@pytest.mark.parametrize("keyed", [True, False])
def test_every_operation_tells_its_answers_with_examples_and_its_errors(keyed: bool) -> None:
    told = document(keyed)
    assert len(operations(told)) > 20
    assert gaps(told) == []
    assert "HTTPValidationError" not in told["components"]["schemas"]


def test_a_key_is_asked_for_where_one_is_needed() -> None:
    told = document()
    assert told["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for name, operation in operations(told).items():
        assert operation.get("security", []) == ([] if name in OPEN else [{"key": []}, {"header": []}]), name
        assert ("401" in operation["responses"]) == (name not in OPEN), name


def test_a_server_without_keys_asks_for_none() -> None:
    told = document(keyed=False)
    assert "securitySchemes" not in told["components"]
    assert all("security" not in one and "401" not in one["responses"] for one in operations(told).values())


def test_examples_are_of_their_schemas() -> None:
    told = document()
    checked = 0

    def check(content: dict[str, Any]) -> None:
        nonlocal checked
        schema = content["schema"] | {"components": told["components"]}
        named = [one["value"] for one in content.get("examples", {}).values()]
        schemas = told["components"]["schemas"]
        own = schemas.get(content["schema"].get("$ref", "").rpartition("/")[2], content["schema"]).get("examples", [])
        for example in [*named, *own]:
            Draft202012Validator(schema).validate(example)
            checked += 1

    for operation in operations(told).values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            check(content)
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                check(content)
    assert checked > 50


def test_documentation_needs_no_other_server() -> None:
    asked = client()
    page = asked.get("/docs").text
    addresses = [*re.findall(r'(?:src|href)="([^"]+)"', page), *re.findall(r"url: '([^']+)'", page)]
    assert len(addresses) == 4  # script, style, icon, document
    for address in addresses:
        assert address.startswith("/")
        assert asked.get(address).status_code == 200
    assert "SwaggerUIBundle" in asked.get(next(one for one in addresses if one.endswith(".js"))).text


def test_every_route_is_in_a_group_that_is_explained() -> None:
    told = document()
    groups = {tag["name"] for tag in told["tags"] if tag["description"]}
    assert {group for one in operations(told).values() for group in one["tags"]} == groups


def test_documentation_is_for_debugging() -> None:
    for path in ("/docs", "/openapi.json"):
        assert client(debug=False).get(path).status_code == 404


def fits(body: dict[str, Any], model: type[BaseModel]) -> None:
    model.model_validate(body)
    assert set(body) <= set(model.model_fields)


def test_what_is_sent_is_what_the_document_tells() -> None:
    fits(formats.as_json(HEARD), answers.Transcribed)
    fits(formats.verbose(HEARD, ["word", "segment"]), answers.VerboselyTranscribed)
    fits(formats.segment_row(SEGMENT), answers.SegmentRow)
    fits(formats.word_row(SEGMENT.words[0]), answers.WordRow)
    told = Told("engine_failed", "no engine")
    job = Job(job_answers.EXAMPLE["id"], "clinic", JobOptions(), 0.0, language="en", error=told, warning=told)
    fits(view(job), job_answers.JobView)
    assert list(view(job)) == list(job_answers.EXAMPLE)
