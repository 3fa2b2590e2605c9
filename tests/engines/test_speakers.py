"""CAM++ against its authors' implementation, on hostile input, and on real voices."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deployments.speakers import checkpoint, engine
from deployments.speakers.deployment import Speakers
from izwi import models
from izwi.attribution import Voices
from izwi.audio import SAMPLE_RATE
from izwi.diarization import label
from izwi.errors import ModelMissing, UnsupportedAudio
from izwi.settings import Settings
from izwi.speaker_sample import SpeakerSample
from izwi.stage_settings import SpeakerSettings
from izwi.stages import Embedding, Samples, SpeakerRequest, Word
from tests.speech import ENGLISH, LIBRIVOX, load, needs_english, needs_librivox

SETTINGS = Settings()
WINDOW = SAMPLE_RATE * 3 // 2
needs_model = pytest.mark.skipif(not models.installed("campplus"), reason="izwi models fetch campplus")


@pytest.fixture(scope="module")
def campplus() -> engine.SpeakerEngine:
    (found,) = engine.load(SETTINGS)
    return found


@needs_model
def test_the_drawn_network_computes_what_the_authors_one_does() -> None:
    """The numbers came from their PyTorch module with the same weights."""
    import onnxruntime

    from deployments.speakers import campplus_graph

    path = models.ensure("campplus", None) / "campplus_cn_en_common.pt"
    session = onnxruntime.InferenceSession(campplus_graph.build(checkpoint.read(path)))
    for frames, expected in (
        (30, [-0.8766014, -0.4775353, 0.9295686, -1.2367570, -0.9210957, 0.5758888]),
        (148, [-1.0979630, -0.3184853, 1.1650797, -0.8050448, -0.5130990, 0.7954597]),
        (198, [-1.0256298, -0.3726327, 1.0742960, -0.9276535, -0.7694030, 0.8377077]),
    ):
        features = np.random.default_rng(frames).normal(0, 2, (2, frames, campplus_graph.BANDS)).astype(np.float32)
        (found,) = session.run(None, {"features": features})
        assert found.shape == (2, campplus_graph.DIMENSIONS)
        np.testing.assert_allclose(found[0, :6], expected, rtol=0, atol=5e-5)


@needs_model
@needs_librivox
@needs_english
def test_one_voice_is_like_itself_and_unlike_others(campplus: engine.SpeakerEngine) -> None:
    voices = [
        [clip.path for clip in LIBRIVOX],
        [clip.path for clip in ENGLISH if clip.path.name.startswith("LJ")],
        [clip.path for clip in ENGLISH if clip.path.name.startswith("spk1")],
    ]
    found = []
    for paths in voices:
        audio = np.concatenate([load(path) for path in paths[:4]])
        found.append(np.stack(campplus.embed([audio[s : s + WINDOW] for s in range(0, audio.size - WINDOW, WINDOW)])))
    for one in found:
        assert one.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1.0, atol=1e-5)
        own = one.mean(axis=0)
        assert all(own @ own > 2 * abs(own @ other.mean(axis=0)) for other in found if other is not one)


@needs_model
@needs_librivox
@needs_english
async def test_two_readers_in_turn_are_told_apart(campplus: engine.SpeakerEngine) -> None:
    clips = [LIBRIVOX[0].path, ENGLISH[0].path, LIBRIVOX[3].path, ENGLISH[2].path]
    parts = [load(path)[: 5 * SAMPLE_RATE] for path in clips]
    words = [Word(" word", n * 0.25, n * 0.25 + 0.25, 1.0) for n in range(80)]

    async def embed(windows: tuple[Samples, ...]) -> list[Embedding]:
        return campplus.embed(windows)

    found = await label(words, parts, embed)
    expected = [f"SPEAKER_{n // 20 % 2:02d}" for n in range(80)]
    assert set(found) == {"SPEAKER_00", "SPEAKER_01"}
    assert sum(a != b for a, b in zip(found, expected, strict=True)) <= 4  # a word or so at each of three changes


@needs_model
@needs_librivox
@needs_english
def test_utterances_of_a_live_session_are_known_by_their_voices(campplus: engine.SpeakerEngine) -> None:
    readers = [
        [clip.path for clip in LIBRIVOX],
        [clip.path for clip in ENGLISH if clip.path.name.startswith("LJ")],
        [clip.path for clip in ENGLISH if clip.path.name.startswith("spk1")],
    ]
    voices = Voices({})
    found = []
    for turn in range(4):
        for number, paths in enumerate(readers):
            said = SpeakerSample(0)
            said.add(load(paths[turn]))
            known = voices.join(np.stack(campplus.embed(said.windows())), said.seconds)
            assert known is not None
            found.append((known.number, number))
    assert all(told == expected for told, expected in found), found


@needs_model
@needs_librivox
def test_windows_of_any_length_are_answered_in_order_and_alone_the_same(campplus: engine.SpeakerEngine) -> None:
    audio = load(LIBRIVOX[0].path)
    windows = [audio[s : s + n] for s, n in ((0, 24_000), (16_000, 8_000), (32_000, 24_000), (8_000, 5_000))] * 10
    together = campplus.embed(windows)
    for window, vector in zip(windows[:4], together[-4:], strict=True):
        np.testing.assert_allclose(campplus.embed([window])[0], vector, atol=1e-4)


@needs_model
@pytest.mark.parametrize(
    "window",
    [
        np.zeros(0, np.float32),
        np.zeros(4_000, np.float32),
        np.zeros(SAMPLE_RATE * 3, np.float32),
        np.full(WINDOW, np.nan, np.float32),
        np.full(WINDOW, np.inf, np.float32),
        np.full(WINDOW, -1e30, np.float32),
    ],
)
def test_what_no_voice_can_be_told_from_is_refused(campplus: engine.SpeakerEngine, window: np.ndarray) -> None:
    with pytest.raises(UnsupportedAudio):
        campplus.embed([np.zeros(WINDOW, np.float32), window])


@needs_model
def test_silence_and_the_loudest_noise_have_finite_vectors(campplus: engine.SpeakerEngine) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, WINDOW).astype(np.float32)
    for vector in campplus.embed([np.zeros(WINDOW, np.float32), np.ones(WINDOW, np.float32), noise, 32_768 * noise]):
        assert np.isfinite(vector).all()


@needs_model
async def test_the_deployment_answers_and_tells_what_it_can() -> None:
    speakers = Speakers.func_or_class(SETTINGS)
    result = await speakers(SpeakerRequest((np.zeros(WINDOW, np.float32),) * 2))
    assert [vector.shape for vector in result.vectors] == [(192,), (192,)]
    assert result.timing.engine == "campplus"
    assert (await speakers.capabilities()).engines == ("campplus",)
    assert (await speakers(SpeakerRequest(()))).vectors == ()


async def test_without_an_engine_the_deployment_starts_and_says_what_is_missing() -> None:
    speakers = Speakers.func_or_class(Settings(speakers=SpeakerSettings(engines=("nope",))))
    with pytest.raises(ModelMissing, match="no speakers engine nope"):
        await speakers(SpeakerRequest((np.zeros(WINDOW, np.float32),)))


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("a checkpoint ran this",)


def _archive(content: bytes, name: str = "archive/data.pkl") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        _archive(b"", "other"),
        _archive(b""),
        _archive(b"no pickle"),
        _archive(pickle.dumps([1, 2])),
        _archive(pickle.dumps({"weight": _Trap()})),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(ModelMissing, match=r"weights\.pt"):
        checkpoint.read(path)
    assert not capsys.readouterr().out
