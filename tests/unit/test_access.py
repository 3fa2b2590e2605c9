"""Who may enter, with keys and tokens as a dictionary."""

import pytest
from starlette.datastructures import Headers

from deployments.ingress.access import Access, chosen_subprotocol
from izwi.errors import Forbidden, RateLimited, StoreUnavailable, Unauthorized
from izwi.keys import ANONYMOUS, Keys, Principal, Scope, digest, generate

KEY = generate()


class Ring:
    keys = Keys(f'[keys.clinic]\nhashes = ["{digest(KEY)}"]\n')


class Tokens:
    async def owner(self, token: str) -> str:
        if token == "izwt_good":
            return "clinic"
        if token == "izwt_orphan":
            return "school"
        raise Unauthorized("unknown")


class Rates:
    def __init__(self, failure: Exception | None = None) -> None:
        self.counted: list[str] = []
        self.failure = failure

    async def count(self, owner: Principal) -> None:
        if self.failure is not None:
            raise self.failure
        self.counted.append(owner.name)


def access(keyring: object = Ring, rates: Rates | None = None, *origins: str) -> Access:
    return Access(keyring, Tokens(), rates or Rates(), origins)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"X-API-Key": KEY},
        {"Authorization": "Bearer izwt_good"},
        {"Sec-WebSocket-Protocol": "izwi.v1, izwi.token.izwt_good"},
        {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.izwt_good"},
        {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1"},
        {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": KEY},
    ],
)
async def test_a_key_or_token_opens_a_session(headers: dict[str, str]) -> None:
    assert (await access().socket(Headers(headers))).name == "clinic"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": KEY},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"X-API-Key": "guess"},
        {"Authorization": "Bearer izwt_orphan"},
        {"Sec-WebSocket-Protocol": "izwi.v1, izwi.token.guess"},
        {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.guess"},
        {"Cookie": KEY},
    ],
)
async def test_everybody_else_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        await access().socket(Headers(headers))


async def test_a_token_makes_no_tokens() -> None:
    owner = await access().socket(Headers({"Authorization": "Bearer izwt_good"}))
    assert owner.scopes == {Scope.LIVE, Scope.HTTP}


async def test_requests_are_counted_and_a_redis_that_is_away_turns_nobody_away() -> None:
    rates, headers = Rates(), Headers({"X-API-Key": KEY})
    await access(Ring, rates).socket(headers)
    assert rates.counted == ["clinic"]
    with pytest.raises(RateLimited):
        await access(Ring, Rates(RateLimited("60 a minute"))).socket(headers)
    assert (await access(Ring, Rates(StoreUnavailable("away"))).socket(headers)).name == "clinic"


HERE = {"host": "127.0.0.1:8000"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", **HERE},
        {"origin": "null", **HERE},
        {"origin": "http://127.0.0.1:9000", **HERE},
        {"origin": "http://evil.example:8000", "host": "evil.example:8000"},  # its name was made to point here
        {"host": "evil.example:8000"},  # the same by GET, for which browsers send no origin
        {"origin": "http://[", **HERE},
        {"host": "["},
        {},
    ],
)
async def test_a_strangers_page_may_not_connect(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        await access(None).socket(Headers(headers))


@pytest.mark.parametrize(
    "headers",
    [
        HERE,
        {"origin": "http://127.0.0.1:8000", **HERE},
        {"origin": "http://localhost:8000", "host": "localhost:8000"},
        {"origin": "http://[::1]:8000", "host": "[::1]:8000"},
        {"origin": "https://app.example", **HERE},
    ],
)
async def test_own_pages_listed_ones_and_programs_may(headers: dict[str, str]) -> None:
    assert await access(None, None, "https://app.example").socket(Headers(headers)) == ANONYMOUS


async def test_something_in_front_may_give_the_server_a_name() -> None:
    open_to_all = Access(None, Tokens(), Rates(), (), anyone=True)  # type: ignore[arg-type]
    assert await open_to_all.socket(Headers({"host": "izwi.example"})) == ANONYMOUS
    with pytest.raises(Forbidden):
        await open_to_all.socket(Headers({"host": "izwi.example", "origin": "https://evil.example"}))


async def test_with_keys_a_page_of_the_servers_own_name_may() -> None:
    headers = {"origin": "https://izwi.example", "host": "izwi.example", "x-api-key": KEY}
    assert (await access().socket(Headers(headers))).name == "clinic"


def test_a_browser_gets_the_subprotocol_it_offered_and_others_none() -> None:
    assert chosen_subprotocol(Headers({"Sec-WebSocket-Protocol": "izwi.token.x,izwi.v1"})) == "izwi.v1"
    realtime = "realtime, openai-insecure-api-key.x, openai-organization.y"
    assert chosen_subprotocol(Headers({"Sec-WebSocket-Protocol": realtime})) == "realtime"
    assert chosen_subprotocol(Headers({"Sec-WebSocket-Protocol": "chat"})) is None
    assert chosen_subprotocol(Headers({})) is None
