import pickle

import pytest

from izwi.errors import IzwiError, error_classes


def descendants(cls: type[IzwiError]) -> list[type[IzwiError]]:
    return [found for child in cls.__subclasses__() for found in (child, *descendants(child))]


ALL = [cls for cls in descendants(IzwiError) if cls.__module__ == "izwi.errors"]


@pytest.mark.parametrize("cls", [IzwiError, *ALL])
def test_errors_survive_pickling(cls: type[IzwiError]) -> None:
    copy = pickle.loads(pickle.dumps(cls("what happened")))
    assert type(copy) is cls
    assert str(copy) == "what happened"
    assert (copy.code, copy.status, copy.retryable) == (cls.code, cls.status, cls.retryable)


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
