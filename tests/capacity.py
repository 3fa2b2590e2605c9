"""A cost table and speakers of round numbers, for tests of what is made of them."""

from izwi.capacity.costs import (
    AsrRow,
    CostTable,
    HindsightRow,
    Machine,
    MtRow,
    ReplicaRow,
    StreamRow,
    TtsRow,
    VadRow,
)
from izwi.capacity.price import Prices, prices
from izwi.capacity.speech import Clip, Speech
from izwi.settings import Settings

DEPLOYMENTS = ("ingress", "vad", "asr", "mt", "tts", "node")


def asr_row(careful: bool, window_s: float, batch: int, core_s: float, **changes: str) -> AsrRow:
    fields = {"model": "base", "compute_type": "int8", "language": "en", **changes}
    return AsrRow(careful=careful, window_s=window_s, batch=batch, core_s=core_s, **fields)  # type: ignore[arg-type]


TABLE = CostTable(
    machine=Machine(
        name="a test", cores=4, memory_gb=16, run="2026-01-01T00:00Z", crowding=1.25, idle_cores=0.2, echo_s=0.03
    ),
    # 100 ms for 1 s, 200 ms for 3 s; four windows cost twice as much as one; care costs a half more.
    asr=tuple(
        asr_row(careful, window_s, batch, core_s * (1.5 if careful else 1.0) * (1 if batch == 1 else 2))
        for careful in (False, True)
        for window_s, core_s in ((1.0, 0.1), (3.0, 0.2))
        for batch in (1, 4)
    ),
    hindsight=(HindsightRow(model="base", language="en", quantiles_s=(0.0, 0.2, 1.0)),),
    vad=(VadRow(engine="silero", call_s=0.0001, frame_s=0.0001),),
    mt=(MtRow(engine="apertium", source="en", target="es", clause_s=0.002),),
    tts=(TtsRow(engine="kokoro", language="es", threads=2, core_s=0.4, wall_s=0.25, char_s=0.05),),
    stream=tuple(
        StreamRow(deployment=name, speaking=speaking, sessions=sessions, cores=cores)
        for name in ("ingress", "vad", "proxy")
        for speaking, sessions, cores in ((True, 1, 0.04), (True, 5, 0.02), (False, 1, 0.004))
    ),
    replica=tuple(
        ReplicaRow(deployment=name, model="base" if name == "asr" else "", memory_mb=500, start_s=5)
        for name in DEPLOYMENTS
    ),
)
CLIP = Clip(
    name="a clip",
    length_s=5.0,
    end_s=4.8,
    words=tuple((f"wor{number}{'.' if number == 9 else ''}", 0.4 + 0.45 * number) for number in range(10)),
    silences=((0.0, 0.2), (2.0, 2.3), (4.8, 5.0)),
)
SPEECH = Speech(run=TABLE.machine.run, language="en", clips=(CLIP,))
SETTINGS = Settings.model_construct()


def priced(target: str | None = None) -> Prices:
    return prices(TABLE, SETTINGS, "cpu", "en", target, speech=True)
