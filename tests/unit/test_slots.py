import asyncio

import pytest

from izwi.slots import Slots


async def line_up(slots: Slots, names: list[tuple[str, bool]]) -> list[str]:
    """Everybody comes while the only place is taken; who gets it when?"""
    order: list[str] = []

    async def one(name: str, urgent: bool) -> None:
        async with slots.hold(urgent):
            order.append(name)
            await asyncio.sleep(0)

    async with slots.hold(False):
        tasks = [asyncio.create_task(one(name, urgent)) for name, urgent in names]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return order


async def test_first_come_first_served() -> None:
    assert await line_up(Slots(1), [("a", False), ("b", False), ("c", False)]) == ["a", "b", "c"]


async def test_careful_passes_go_first() -> None:
    assert await line_up(Slots(1), [("a", False), ("b", True), ("c", False), ("d", True)]) == ["b", "d", "a", "c"]


async def test_no_more_at_once_than_there_are_places() -> None:
    slots, inside, most = Slots(3), 0, 0

    async def one() -> None:
        nonlocal inside, most
        async with slots.hold(False):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 3


@pytest.mark.parametrize("ticks", range(4))
async def test_a_place_is_never_lost_when_a_waiter_is_cancelled(ticks: int) -> None:
    slots = Slots(1)

    async def one() -> None:
        async with slots.hold(False):
            await asyncio.sleep(0)

    async with slots.hold(False):
        task = asyncio.create_task(one())
        await asyncio.sleep(0)
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(1), slots.hold(False):
        assert slots.waiting == 0


async def test_no_speaker_starves_among_many() -> None:
    slots, served = Slots(2), dict.fromkeys(range(8), 0)

    async def speaker(name: int) -> None:
        for _ in range(25):
            async with slots.hold(name % 3 == 0 and served[name] % 5 == 0):
                served[name] += 1
                await asyncio.sleep(0)
            assert max(served.values()) - min(served.values()) <= 8

    await asyncio.gather(*(speaker(name) for name in served))
