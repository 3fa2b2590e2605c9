import pickle

import pytest

from izwi.errors import IzwiError, UnknownVoice, error_classes, error_type


def descendants(cls: type[IzwiError]) -> list[type[IzwiError]]:
    return [found for child in cls.__subclasses__() for found in (child, *descendants(child))]


ALL = [cls for cls in descendants(IzwiError) if cls.__module__ == "izwi.errors"]


@pytest.mark.parametrize("cls", [IzwiError, *ALL])
def test_errors_survive_pickling(cls: type[IzwiError]) -> None:
    copy = pickle.loads(pickle.dumps(cls("what happened")))
    assert type(copy) is cls
    assert str(copy) == "what happened"
    assert (copy.code, copy.status, copy.retryable) == (cls.code, cls.status, cls.retryable)


def test_the_field_at_fault_survives_pickling_and_belongs_to_one_error() -> None:
    assert pickle.loads(pickle.dumps(UnknownVoice("no").about("voice"))).param == "voice"
    assert UnknownVoice("no").param is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (504, "server_error"),
    ],
)
def test_types_as_clients_of_openai_know_them(status: int, kind: str) -> None:
    assert error_type(status) == kind


def test_codes_are_unique_and_lead_back_to_their_class() -> None:
    codes = [cls.code for cls in ALL]
    assert len(set(codes)) == len(codes)
    found = error_classes()
    assert {code: found[code] for code in codes} == {cls.code: cls for cls in ALL}


def test_only_passing_states_are_retryable() -> None:
    assert {cls.__name__ for cls in ALL if cls.retryable} == {
        "Unavailable",
        "NotReady",
        "Overloaded",
        "RateLimited",
        "RequestTimeout",
        "StoreUnavailable",
        "SpoolFull",
        "DownloadFailed",
        "StageTimeout",
        "EngineFailed",
    }
    assert all(400 <= cls.status < 600 for cls in ALL)
    assert all(cls.status in (429, 502, 503, 504, 507) for cls in ALL if cls.retryable)
