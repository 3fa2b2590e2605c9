"""Spanish speech for benchmarks: ordinary sentences spoken by Kokoro, since no Spanish recording ships in a package.

python -m loadtests.spanish out/spanish.wav
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from izwi.audio import write_wav
from izwi.settings import Settings

SENTENCES = (
    "Buenos días, me llamo María y trabajo en la biblioteca de la ciudad.",
    "Todas las mañanas abrimos la puerta a las nueve, y los niños entran con sus libros.",
    "Ayer por la tarde llegó una carta de mi hermano, que vive en el norte del país.",
    "Dice que el invierno es muy largo, pero que la gente es amable.",
    "La semana que viene vamos a viajar en tren, porque el avión es demasiado caro.",
    "Mi madre prepara la comida y mi padre lee el periódico en la cocina.",
    "¿Sabes dónde está la estación?",
    "El médico dijo que tengo que caminar una hora cada día.",
    "Cuando llueve, el camino del río se llena de agua.",
    "Muchas gracias por todo, hasta mañana.",
)
PAUSE_S = 0.8
"""Between sentences, longer than the endpoint."""


def main(out: Annotated[Path, typer.Argument(help="WAV file to write.")]) -> None:
    """Speak the sentences one after the other into a 24 kHz mono file."""
    spoken, rate = _speak()
    pause = np.zeros(int(PAUSE_S * rate), np.int16)
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = np.concatenate([part for pcm in spoken for part in (pcm, pause)])
    write_wav(out, whole, rate)
    typer.echo(f"wrote {out}: {len(whole) / rate:.1f} s")


def clips(folder: Path) -> Path:
    """One file per sentence and a ``manifest.json``, as `loadtests.corpus.load` reads them; made once."""
    rows = [{"file": f"{number:02}.wav", "text": text} for number, text in enumerate(SENTENCES)]
    manifest = folder / "manifest.json"
    if not manifest.is_file() or json.loads(manifest.read_text()) != rows:
        folder.mkdir(parents=True, exist_ok=True)
        spoken, rate = _speak()
        for row, pcm in zip(rows, spoken, strict=True):
            write_wav(folder / row["file"], pcm, rate)
        manifest.write_text(json.dumps(rows, ensure_ascii=False, indent=1))  # last: it says that all are there
    return folder


def _speak() -> tuple[list[np.ndarray], int]:
    from deployments.tts.kokoro import SAMPLE_RATE, Kokoro

    kokoro = Kokoro(Settings())
    return [kokoro.synthesise(sentence, "es", None, 1.0)[0] for sentence in SENTENCES], SAMPLE_RATE


if __name__ == "__main__":
    typer.run(main)
