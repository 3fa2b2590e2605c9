import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deployments.mt import apertium
from deployments.mt.apertium import Apertium, PipelineError, PipelineStuck, protect, restore
from deployments.mt.deployment import Mt
from izwi.errors import EngineFailed, UnsupportedPair
from izwi.settings import Settings
from izwi.stages import MtRequest

pytestmark = pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is not installed")

SENTINEL = ("The house is big.", "La casa es grande.")


@pytest.fixture(scope="module")
def engine() -> Iterator[Apertium]:
    engine = Apertium()
    yield engine
    engine.close()


def en_es(engine: Apertium, text: str) -> str:
    return engine.translate(MtRequest(text, "en", "es"))


def programs(engine: Apertium, pair: tuple[str, str] = ("en", "es")) -> list[psutil.Process]:
    return [psutil.Process(program.pid) for program in engine._pipelines[pair]._programs]


@pytest.mark.parametrize(
    ("source", "target", "text", "expected"),
    [
        ("en", "es", *SENTINEL),
        ("en", "es", "I like dogs", "Me gustan los perros"),
        ("es", "en", "El perro come.", "The dog eats."),
        ("es", "en", "la casa es grande", "The house is big"),
        ("en", "es", "Kubernetes", "Kubernetes"),  # unknown words stay, without Apertium's asterisk
        ("en", "es", "50% of 3.5 € (yes)", "50% de 3.5 € (sí)"),
        ("en", "es", "日本 hello 😀", "日本 hola 😀"),
        ("en", "es", " ... 42 !\n", " ... 42 !\n"),
        ("en", "es", "", ""),
        ("en", "es", r"^x$ \y @z {k} [l] <m> #n *o /p ~q +r ^", r"^x$ \y @z {k} [l] <m> #n *o /p ~q +r ^"),
    ],
)
def test_translations(engine: Apertium, source: str, target: str, text: str, expected: str) -> None:
    assert engine.translate(MtRequest(text, source, target)) == expected


def test_a_line_break_does_not_end_the_request(engine: Apertium) -> None:
    assert en_es(engine, "The house\nis\0big.") == "La casa es grande."
    assert en_es(engine, SENTINEL[0]) == SENTINEL[1]


def test_a_text_larger_than_a_pipe(engine: Apertium) -> None:
    answer = en_es(engine, f"{SENTINEL[0]} " * 5000)
    assert answer == " ".join([SENTINEL[1]] * 5000)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120) | st.text("\\^$/<>{}[]@#*+~&|-_ .,\0\n\tab¿", max_size=60))
@example("[][\n]\0The house")
@example("\ud800 house")
@example("the ^")
def test_any_text_leaves_the_pipeline_in_step(engine: Apertium, text: str) -> None:
    before = programs(engine)
    en_es(engine, text)
    assert en_es(engine, SENTINEL[0]) == SENTINEL[1]
    assert programs(engine) == before, "the pipeline was restarted"


@given(st.text(st.characters(exclude_categories=["Cc", "Cn", "Cs"])))
def test_protection_is_undone(text: str) -> None:
    assert restore(protect(text)) == text


@pytest.mark.parametrize("victim", [0, 4, -1])
def test_a_killed_program_does_not_lose_the_request(engine: Apertium, victim: int) -> None:
    en_es(engine, SENTINEL[0])
    programs(engine)[victim].kill()
    assert en_es(engine, SENTINEL[0]) == SENTINEL[1]


def test_a_kill_while_a_text_is_translated(engine: Apertium) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(en_es, engine, f"{SENTINEL[0]} " * 6000)
        time.sleep(0.1)  # it takes half a second
        for program in programs(engine):
            program.kill()
        assert answer.result().split(". ")[0] == SENTINEL[1].removesuffix(".")


def test_a_stuck_pipeline_is_killed_and_replaced(engine: Apertium, monkeypatch: pytest.MonkeyPatch) -> None:
    en_es(engine, SENTINEL[0])
    monkeypatch.setattr(apertium, "TIMEOUT_S", 0.3)
    stuck = programs(engine)
    stuck[3].suspend()
    with pytest.raises(PipelineStuck):
        en_es(engine, SENTINEL[0])
    psutil.wait_procs(stuck, timeout=5)
    assert not any(alive(program) for program in stuck)
    monkeypatch.undo()
    assert en_es(engine, SENTINEL[0]) == SENTINEL[1]


def test_a_program_that_cannot_run_is_an_error() -> None:
    pipeline = apertium.Pipeline([["cat"], ["false"]])
    with pytest.raises(PipelineError):
        pipeline.translate("Hello.")


def test_threads_share_a_direction(engine: Apertium) -> None:
    texts = [f"The house {n} is big." for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: en_es(engine, text), texts))
    assert answers == [f"La casa {n} es grande." for n in range(40)]


def test_no_program_outlives_a_killed_parent() -> None:
    code = (
        "import psutil, os, time\n"
        "from deployments.mt.apertium import Apertium\n"
        "engine = Apertium()\n"
        "print(*(p.pid for p in psutil.Process().children(recursive=True)), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) > 10
        os.kill(parent.pid, signal.SIGKILL)
    psutil.wait_procs(children, timeout=5)
    assert not any(alive(child) for child in children)


def alive(process: psutil.Process) -> bool:
    # An orphan that ended stays a zombie in containers whose first process does not collect it.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def test_the_deployment() -> None:
    mt = Mt.func_or_class(Settings())
    result = await mt(MtRequest(SENTINEL[0], "en", "es"))
    assert result.text == SENTINEL[1]
    assert result.timing.engine == "apertium"
    assert (await mt.capabilities()).pairs >= {("en", "es"), ("es", "en")}
    with pytest.raises(UnsupportedPair, match=r"English to Japanese; supported: .*en-es"):
        await mt(MtRequest("Hello", "en", "ja"))


async def test_the_deployment_when_apertium_is_broken() -> None:
    mt = Mt.func_or_class(Settings())
    for pipeline in mt._runner.engines[0]._pipelines.values():
        pipeline.close()
        pipeline._commands = [["false"]]
    with pytest.raises(EngineFailed):
        await mt(MtRequest(SENTINEL[0], "en", "es"))
