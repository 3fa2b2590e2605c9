"""What an OpenAPI document leaves unsaid."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

FAILURE = "#/components/schemas/Failure"


def gaps(document: dict[str, Any]) -> list[str]:
    """By operation: no answer, no example, errors that are not of the one form."""
    return [
        f"{method.upper()} {path}: {gap}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for gap in _gaps(document, operation, told_otherwise={"503"} if path == "/readyz" else set())
    ]


def _gaps(document: dict[str, Any], operation: dict[str, Any], told_otherwise: set[str]) -> Iterator[str]:
    """
    Args:
        told_otherwise: statuses that are not errors of that form.
    """
    if not operation.get("description"):
        yield "no description"
    for media_type, told in operation.get("requestBody", {}).get("content", {}).items():
        if not _examples(document, told):
            yield f"no example of a body in {media_type}"
    responses = operation["responses"]
    if "422" in responses:
        yield "422"
    for status, response in responses.items():
        content = response.get("content", {})
        if status.startswith("2"):
            if not content and status != "204":
                yield f"{status} with nothing in it"
            for media_type, told in content.items():
                if not told.get("schema"):
                    yield f"{status} {media_type} has no schema"
                if not media_type.startswith("audio/") and not _examples(document, told):
                    yield f"{status} {media_type} has no example"
        elif list(content) != ["application/json"]:
            yield f"{status} in {list(content)}"
        elif content["application/json"]["schema"].get("$ref") != FAILURE and status not in told_otherwise:
            yield f"{status} is not an error as they are sent"
    if responses["default"]["content"]["application/json"]["schema"]["$ref"] != FAILURE:
        yield "no error"


def _examples(document: dict[str, Any], told: dict[str, Any]) -> Any:
    schema = told["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return told.get("examples") or schema.get("examples")


def check_answer(document: dict[str, Any], method: str, path: str, status: int, body: Any) -> None:
    """Raises where an answer in JSON is not what the document tells, or has fields that it does not tell of."""
    closed = {"additionalProperties": False}
    schemas = {name: closed | one for name, one in document["components"]["schemas"].items()}
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    told = content["application/json"]["schema"] | {"components": {"schemas": schemas}}
    Draft202012Validator(told).validate(body)
