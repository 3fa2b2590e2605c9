"""Spanish speech for benchmarks: ordinary sentences spoken by Kokoro, since no Spanish recording ships in a package.

python -m loadtests.spanish out/spanish.wav
"""

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
    from deployments.tts.kokoro import Kokoro

    kokoro = Kokoro(Settings())
    parts = []
    for sentence in SENTENCES:
        pcm, rate = kokoro.synthesise(sentence, "es", None, 1.0)
        parts += [pcm, np.zeros(int(PAUSE_S * rate), np.int16)]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_wav(out, np.concatenate(parts), rate)
    typer.echo(f"wrote {out}: {sum(map(len, parts)) / rate:.1f} s")


if __name__ == "__main__":
    typer.run(main)
