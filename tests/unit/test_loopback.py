import pytest

from izwi.loopback import is_loopback, on_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.1.1", "::1", "localhost"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org", ""])
def test_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("ws://127.0.0.1:8000/ws/stream", True),
        ("http://[::1]:8000", True),
        ("http://LOCALHOST", True),
        ("https://user@example.org/localhost", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_servers(url: str, here: bool) -> None:
    assert on_loopback(url) is here
