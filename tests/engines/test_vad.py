import numpy as np
import pytest
from faster_whisper.vad import get_vad_model

from deployments.vad import engine
from deployments.vad.deployment import Vad
from deployments.vad.silero import FRAME, Silero
from izwi.errors import ModelMissing, UnsupportedAudio
from izwi.settings import Settings
from izwi.stage_settings import VadSettings
from izwi.stages import VadRequest, VadState
from tests.speech import LIBRIVOX, NOISES, load, needs_librivox, needs_noises

SETTINGS = Settings()


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero(SETTINGS)


@needs_librivox
@pytest.mark.parametrize("frames_per_call", [1, 2, 3, 7, 1000])
def test_any_chunking_equals_the_batch_computation(silero: Silero, frames_per_call: int) -> None:
    audio = load(LIBRIVOX[0].path)
    audio = audio[: audio.size // FRAME * FRAME]
    # The reference zeroes the tail of its last frame in place; an extra frame keeps that out of the comparison.
    expected = get_vad_model()(np.concatenate([audio, np.zeros(FRAME, np.float32)])).ravel()[:-1]
    found: list[float] = []
    state = VadState()
    for start in range(0, audio.size, frames_per_call * FRAME):
        probabilities, state = silero.detect(audio[start : start + frames_per_call * FRAME], state)
        found.extend(probabilities)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_state_is_a_value(silero: Silero) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * FRAME).astype(np.float32)
    _, state = silero.detect(noise, VadState())
    first = silero.detect(noise, state)[0]
    assert silero.detect(noise, state)[0] == first


def test_rejects_part_of_a_frame(silero: Silero) -> None:
    with pytest.raises(UnsupportedAudio):
        silero.detect(np.zeros(FRAME + 1, np.float32), VadState())


def test_silence_and_nothing(silero: Silero) -> None:
    assert max(silero.detect(np.zeros(31 * FRAME, np.float32), VadState())[0]) < 0.1
    assert silero.detect(np.zeros(0, np.float32), VadState()) == ((), VadState())


@needs_noises
@needs_librivox
def test_tells_speech_from_noise(silero: Silero) -> None:
    def share(path) -> float:
        audio = load(path)
        probabilities, _ = silero.detect(audio[: audio.size // FRAME * FRAME], VadState())
        return float(np.mean(np.array(probabilities) > SETTINGS.vad.threshold))

    assert min(share(clip.path) for clip in LIBRIVOX) > 0.6
    assert max(share(path) for path in NOISES) < 0.2


def test_load_without_a_usable_engine() -> None:
    with pytest.raises(ModelMissing, match="no vad engine nope"):
        engine.load(Settings(vad=VadSettings(engines=("nope",))))


async def test_deployment_answers_and_tells_what_it_can() -> None:
    vad = Vad.func_or_class(SETTINGS)
    (result,) = await vad([VadRequest(np.zeros(3 * FRAME, np.float32), VadState())])
    assert len(result.probabilities) == 3
    assert result.timing.engine == "silero"
    assert (await vad.capabilities()).engines == ("silero",)
