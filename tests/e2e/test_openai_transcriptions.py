"""Recordings through the stock ``openai`` package, with nothing changed but the address."""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import jiwer
import numpy as np
import openai
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.e2e.conftest import Server
from tests.speech import ENGLISH, GERMAN, LIBRIVOX, load, needs_english, needs_german, needs_librivox

RATE = 16_000
normal = EnglishTextNormalizer()


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{server.http}/v1", api_key="none", max_retries=0, http_client=httpx.Client(trust_env=False)
    ) as client:
        yield client


def encoded(samples: np.ndarray, form: str = "flac") -> io.BytesIO:
    file = io.BytesIO()
    file.name = f"speech.{form}"
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream("flac" if form == "flac" else "pcm_s16le", rate=RATE, layout="mono")
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux([*(stream.encode(frame) if samples.size else []), *stream.encode(None)])
    file.seek(0)
    return file


def wer(text: str, heard: str) -> float:
    return jiwer.wer(normal(text), normal(heard))


def long_recording(seconds: float) -> tuple[np.ndarray, str]:
    """Clips with hardly a pause between them."""
    parts, texts, samples = list[np.ndarray](), list[str](), 0
    for clip in ENGLISH:
        audio = load(clip.path)
        if samples + len(audio) > seconds * RATE:
            break
        parts += [audio, np.zeros(RATE // 20, np.float32)]
        texts.append(clip.text)
        samples += len(audio)
    return np.concatenate(parts), " ".join(texts)


@needs_librivox
def test_every_format(client: openai.OpenAI) -> None:
    clip = LIBRIVOX[0]
    data = clip.path.read_bytes()

    def ask(form: str) -> object:
        return client.audio.transcriptions.create(
            model="whisper-1",
            file=("speech.wav", data),
            response_format=form,  # type: ignore[call-overload]
            language="en",
            timestamp_granularities=["word", "segment"] if form == "verbose_json" else ["segment"],
        )

    plain = ask("json")
    assert wer(clip.text, plain.text) < 0.2  # type: ignore[attr-defined]
    assert ask("text").strip() == plain.text  # type: ignore[attr-defined]
    verbose = ask("verbose_json")
    seconds = len(load(clip.path)) / RATE
    assert verbose.duration == pytest.approx(seconds, abs=0.01)  # type: ignore[attr-defined]
    assert verbose.language == "english"  # type: ignore[attr-defined]
    words = verbose.words  # type: ignore[attr-defined]
    assert "".join(word.word for word in words) == plain.text.replace(" ", "")  # type: ignore[attr-defined]
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    assert all(0 <= word.start <= word.end <= seconds for word in words)
    segments = verbose.segments  # type: ignore[attr-defined]
    assert " ".join(segment.text for segment in segments) == plain.text  # type: ignore[attr-defined]
    assert str(ask("srt")).startswith("1\n00:00:0")
    assert str(ask("vtt")).startswith("WEBVTT\n\n00:00:0")


@needs_librivox
async def test_segments_are_streamed_and_add_up(server: Server) -> None:
    audio = np.concatenate([load(clip.path) for clip in LIBRIVOX[:3]])
    async with openai.AsyncOpenAI(
        base_url=f"{server.http}/v1", api_key="none", http_client=httpx.AsyncClient(trust_env=False)
    ) as client:
        stream = await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=encoded(audio), stream=True, chunking_strategy={"type": "server_vad"}
        )
        events = [event async for event in stream]
    assert [event.type for event in events[:-1]].count("transcript.text.delta") >= 2
    assert events[-1].type == "transcript.text.done"
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert deltas == events[-1].text  # type: ignore[union-attr]
    assert wer(" ".join(clip.text for clip in LIBRIVOX[:3]), deltas) < 0.2


@needs_english
def test_a_long_recording_loses_and_repeats_nothing_at_its_seams(client: openai.OpenAI) -> None:
    audio, text = long_recording(55)
    assert len(audio) > 40 * RATE
    heard = client.audio.transcriptions.create(model="whisper-1", file=encoded(audio), language="en")
    assert wer(text, heard.text) < 0.1


@pytest.mark.filterwarnings("ignore:deprecated")  # by OpenAI, who has no other for it
@needs_german
def test_the_language_is_detected_and_translated_by_the_recogniser(client: openai.OpenAI) -> None:
    data = GERMAN[0].read_bytes()
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.flac", data), response_format="verbose_json")
    assert heard.language == "german"
    english = client.audio.translations.create(model="whisper-1", file=("a.flac", data), response_format="verbose_json")
    assert english.text
    assert normal(english.text) != normal(heard.text)
    common = {"the", "and", "of", "to", "in", "is", "was", "it", "that", "a", "for"}
    assert common & set(normal(english.text).split())


@pytest.mark.filterwarnings("ignore:deprecated")
@needs_librivox
def test_a_recording_is_translated_by_the_text_engine(client: openai.OpenAI) -> None:
    spanish = client.audio.translations.create(
        model="whisper-1", file=("a.wav", LIBRIVOX[0].path.read_bytes()), extra_body={"target_language": "es"}
    )
    assert {"el", "la", "de", "que", "y", "en"} & set(spanish.text.lower().split())
    with pytest.raises(openai.BadRequestError, match="into fr"):
        client.audio.translations.create(
            model="whisper-1", file=("a.wav", LIBRIVOX[0].path.read_bytes()), extra_body={"target_language": "fr"}
        )


def post(server: Server, content: bytes, **data: object) -> httpx.Response:
    return httpx.post(
        f"{server.http}/v1/audio/transcriptions", files={"file": ("a.wav", content)}, data=data, timeout=60
    )


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"temperature": "0.7"}, "temperature"),
        ({"response_format": "xml"}, "response_format"),
        ({"include[]": "logprobs"}, "include"),
        ({"timestamp_granularities[]": "sentence"}, "timestamp_granularities"),
        ({"timestamp_granularities[]": "word", "response_format": "srt"}, "timestamp_granularities"),
        ({"stream": "true", "response_format": "vtt"}, "stream"),
        ({"chunking_strategy": '{"type": "server_vad", "threshold": 7}'}, "threshold"),
        ({"prompt": "x" * 5000}, "prompt"),
    ],
)
def test_what_is_not_supported_is_named(server: Server, data: dict[str, object], named: str) -> None:
    response = post(server, b"", **data)
    assert response.status_code == 400
    assert named in response.json()["error"]["message"]


def test_files_that_are_no_recordings(server: Server) -> None:
    for content in (b"", b"no audio at all" * 1000, encoded(np.zeros(0, np.float32), "wav").getvalue()):
        for options in ({}, {"stream": "true"}):
            response = post(server, content, **options)
            assert response.status_code == 415
            assert response.json()["error"]["code"] == "unsupported_audio"
    assert post(server, encoded(np.zeros(5 * RATE, np.float32), "wav").getvalue()).json()["text"] == ""
    long = post(server, encoded(np.zeros(70 * RATE, np.float32)).getvalue())  # the server takes 60 s
    assert (long.status_code, long.json()["error"]["code"]) == (413, "audio_too_long")
    unknown = post(server, encoded(np.zeros(RATE, np.float32)).getvalue(), language="klingon")
    assert unknown.status_code in (200, 400)  # silence is never asked about


@needs_librivox
def test_a_truncated_file_gives_its_words_and_says_so(server: Server) -> None:
    whole = encoded(load(LIBRIVOX[0].path)).getvalue()
    response = post(server, whole[: len(whole) * 2 // 3], language="en")
    assert response.status_code == 200
    assert response.json()["warning"]["code"] == "damaged_audio"
    assert response.headers["X-Izwi-Warning"] == "damaged_audio"
    assert len(response.json()["text"].split()) >= 5


def test_a_video_is_heard(client: openai.OpenAI, tmp_path: Path) -> None:
    if not LIBRIVOX:
        pytest.skip("Debian package pocketsphinx-testdata is not installed")
    path = tmp_path / "film.mp4"
    with av.open(path, "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        samples = load(LIBRIVOX[0].path)
        for _ in range(int(len(samples) / RATE * 10)):
            container.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux([*video.encode(None), *audio.encode(frame), *audio.encode(None)])
    heard = client.audio.transcriptions.create(model="whisper-1", file=path, language="en")
    assert wer(LIBRIVOX[0].text, heard.text) < 0.2
