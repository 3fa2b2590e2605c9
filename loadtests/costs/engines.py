"""What engines cost by themselves, one call after the other, without a server."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import mean, median, stdev

import numpy as np

from deployments.asr.faster_whisper import FasterWhisper
from izwi.audio import SAMPLE_RATE
from izwi.capacity.costs import AsrRow, MtRow, TtsRow, VadRow
from izwi.segmenter import FRAME
from izwi.settings import Settings
from izwi.stages import AsrRequest, MtRequest, Samples, VadState
from loadtests.corpus import Clip

LENGTHS_S = (1.0, 3.0, 5.0, 9.0)
"""Live windows are 0.5 to 5 s; up to 14 s where nothing is settled."""
BATCHES = {False: (1, 2, 4, 8), True: (1, 2, 4)}
"""Windows per call, of partial and of careful passes: few speakers pause at the same moment."""
REPEATS = 2
WINDOWS = 8
CROWD_ROUNDS = 5
"""Of which the median counts: a neighbour on the same machine makes a single ratio worthless."""
CROWD_S = 3.0
"""Length of the windows that all workers decode at once."""
FRAMES = (3, 30)
"""Of the shortest and the longest detector call in use."""
DETECTIONS = 300


def settings_for(model: str) -> Settings:
    """The defaults, whatever the environment says, but for the model."""
    settings = Settings.model_construct()
    return settings.model_copy(update={"asr": settings.asr.model_copy(update={"model": model}), "device": "cpu"})


def asr(engine: FasterWhisper, model: str, language: str, clips: Sequence[Clip]) -> Iterator[AsrRow]:
    """Processor time of calls, by length, batch and care. Lengths and batches take turns, so that a machine that gets
    slower slows all of them."""
    took: dict[tuple[bool, float, int], list[float]] = {}
    for _ in range(REPEATS):
        for length_s in LENGTHS_S:
            cut = windows(clips, length_s)
            for careful, sizes in BATCHES.items():
                for size in sizes:
                    for begin in range(0, len(cut) - size + 1, size):
                        requests = [AsrRequest(window, language, careful) for window in cut[begin : begin + size]]
                        began = time.process_time()
                        engine.transcribe(requests)
                        took.setdefault((careful, length_s, size), []).append(time.process_time() - began)
    for (careful, length_s, size), values in sorted(took.items()):
        yield AsrRow(
            model=model,
            compute_type="int8",
            language=language,
            careful=careful,
            window_s=length_s,
            batch=size,
            core_s=round(mean(values), 4),
            spread=round(stdev(values) / mean(values), 3) if len(values) > 1 else 0.0,
        )


def windows(clips: Sequence[Clip], length_s: float) -> list[Samples]:
    """`WINDOWS` stretches of that length, spread over the clips; clips are put together where they are too short."""
    whole = np.concatenate([clip.samples for clip in clips])
    length = round(length_s * SAMPLE_RATE)
    starts = np.linspace(SAMPLE_RATE // 2, max(SAMPLE_RATE // 2, len(whole) - length), WINDOWS).astype(int)
    return [whole[start : start + length] for start in starts]


def crowding(engine: FasterWhisper, language: str, clips: Sequence[Clip], workers: int) -> float:
    """How many times as long a pass takes while all workers make one: they share the memory, and the interpreter."""
    requests = [[AsrRequest(window, language, final=False)] for window in windows(clips, CROWD_S)] * REPEATS

    def pass_s(threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(engine.transcribe, requests))
            return threads * (time.perf_counter() - began) / len(requests)

    pass_s(1)
    return round(max(1.0, median(pass_s(workers) / pass_s(1) for _ in range(CROWD_ROUNDS))), 2)


def vad(clips: Sequence[Clip]) -> VadRow:
    """A call's own cost and that of each frame, from short and long calls."""
    from deployments.vad.silero import Silero

    silero, sound = Silero(settings_for("base")), clips[0].samples
    short, long = (
        _each(lambda frames=frames: silero.detect(sound[: frames * FRAME], VadState()), DETECTIONS) for frames in FRAMES
    )
    frame_s = (long - short) / (FRAMES[1] - FRAMES[0])
    return VadRow(engine="silero", call_s=round(max(0.0, short - FRAMES[0] * frame_s), 6), frame_s=round(frame_s, 6))


def mt(source: str, target: str, sentences: Sequence[str]) -> MtRow:
    """Wall time: the work is done in processes of its own."""
    from deployments.mt.apertium import Apertium

    apertium = Apertium()
    took: list[float] = []
    for sentence in sentences:
        began = time.perf_counter()
        apertium.translate(MtRequest(sentence, source, target))
        took.append(time.perf_counter() - began)
    return MtRow(engine="apertium", source=source, target=target, clause_s=round(mean(took), 5))


def tts(name: str, language: str, sentences: Sequence[str]) -> TtsRow:
    """Whole sentences, as the stage says them when it is not in a hurry."""
    from deployments.tts.kokoro import Kokoro
    from deployments.tts.piper import Piper

    settings = settings_for("base")
    engine = {"piper": Piper, "kokoro": Kokoro}[name](settings)
    spoken = cpu = wall = 0.0
    for sentence in sentences:
        began, began_cpu = time.perf_counter(), time.process_time()
        pcm, rate = engine.synthesise(sentence, language, None, 1.0)
        wall += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
        spoken += len(pcm) / rate
    return TtsRow(
        engine=name,
        language=language,
        threads=settings.tts.threads,
        core_s=round(cpu / spoken, 4),
        wall_s=round(wall / spoken, 4),
        char_s=round(spoken / sum(map(len, sentences)), 4),
    )


def start_s(stage: str, model: str = "base") -> float:
    """A fresh process until the models of a stage are loaded and warm, in seconds."""
    code = (
        f"from deployments.{stage} import engine; from loadtests.costs.engines import settings_for; "
        f"engine.load(settings_for({model!r}))"
    )
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return round(time.perf_counter() - began, 1)


def _each(call: Callable[[], object], times: int) -> float:
    """Processor seconds of one call."""
    call()
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times
