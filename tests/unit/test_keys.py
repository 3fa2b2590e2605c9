from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployments.ingress.keyring import Keyring
from izwi.errors import BadKeyFile, Forbidden, Unauthorized
from izwi.keys import ANONYMOUS, Keys, Scope, digest, generate

KEY, OTHER = generate(), generate()


def entry(name: str, *keys: str, rest: str = "") -> str:
    hashes = ", ".join(f'"{digest(key)}"' for key in keys)
    return f"[keys.{name}]\nhashes = [{hashes}]\n{rest}\n"


def test_a_key_is_its_bearers_and_others_are_nobodys() -> None:
    keys = Keys(entry("clinic", KEY, rest="sessions = 8\nrequests_per_minute = 60"))
    found = keys.principal(KEY)
    assert (found.name, found.sessions, found.requests_per_minute) == ("clinic", 8, 60)
    for wrong in (OTHER, "", KEY[:-1], KEY + " ", digest(KEY), "é\ud800"):
        with pytest.raises(Unauthorized):
            keys.principal(wrong)


def test_two_keys_of_one_name_are_good_while_one_is_replaced() -> None:
    keys = Keys(entry("clinic", KEY, OTHER))
    assert keys.principal(KEY) == keys.principal(OTHER)


def test_a_scope_is_needed_for_what_it_covers() -> None:
    scraper = Keys(entry("prometheus", KEY, rest='scopes = ["metrics"]')).principal(KEY)
    scraper.need(Scope.METRICS)
    with pytest.raises(Forbidden, match="live"):
        scraper.need(Scope.LIVE)
    usual = Keys(entry("clinic", KEY)).principal(KEY)
    with pytest.raises(Forbidden):
        usual.need(Scope.METRICS)
    for scope in Scope:
        ANONYMOUS.need(scope)


def test_a_key_expires() -> None:
    keys = Keys(entry("clinic", KEY, rest="expires = 2026-01-01T00:00:00Z"))
    assert keys.principal(KEY, datetime(2025, 12, 31, 23, 59, tzinfo=UTC)).name == "clinic"
    with pytest.raises(Unauthorized, match="expired"):
        keys.principal(KEY, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_name_is_found_only_as_long_as_it_is_listed() -> None:
    keys = Keys(entry("clinic", KEY))
    assert keys.named("clinic").name == "clinic"
    with pytest.raises(Unauthorized, match="withdrawn"):
        keys.named("school")


@pytest.mark.parametrize(
    "text",
    [
        "keys",
        "",
        "[keys.clinic]\n",
        "[keys.clinic]\nhashes = []\n",
        '[keys.clinic]\nhashes = ["izwi_a-key-instead-of-its-hash"]\n',
        entry("clinic", KEY, rest='scopes = ["root"]'),
        entry("clinic", KEY, rest="expires = 2026-01-01"),
        entry("clinic", KEY, rest="typo = 1"),
        entry('"a b"', KEY),
        entry("clinic", KEY) + entry("clinic", OTHER),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(BadKeyFile, match=r".+"):
        Keys(text)


def test_keys_change_without_a_restart(tmp_path: Path) -> None:
    now, path = 0.0, tmp_path / "keys.toml"
    path.write_text(entry("clinic", KEY))
    ring = Keyring(path, lambda: now)
    path.write_text(entry("school", OTHER) + "\n")
    assert ring.keys.principal(KEY).name == "clinic"  # looked at a moment ago
    now = 1.0
    assert ring.keys.principal(OTHER).name == "school"
    with pytest.raises(Unauthorized):
        ring.keys.principal(KEY)


@pytest.mark.parametrize("broken", ["[keys", None])
def test_a_file_that_becomes_unreadable_leaves_the_keys_as_they_were(tmp_path: Path, broken: str | None) -> None:
    now, path = 0.0, tmp_path / "keys.toml"
    path.write_text(entry("clinic", KEY))
    ring = Keyring(path, lambda: now)
    path.unlink() if broken is None else path.write_text(broken)
    now = 1.0
    assert ring.keys.principal(KEY).name == "clinic"
    path.write_text(entry("school", KEY))
    now = 2.0
    assert ring.keys.principal(KEY).name == "school"


def test_no_file_at_the_start_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(BadKeyFile, match=r"keys\.toml"):
        Keyring(tmp_path / "keys.toml")
