"""May this session start? Checks what a client asks for against what the stages can do."""

from izwi.errors import Overloaded, UnsupportedLanguage, UnsupportedPair
from izwi.messages import SessionStart
from izwi.stages import Capabilities


def check(start: SessionStart, capabilities: dict[str, Capabilities]) -> None:
    """Raise `UnsupportedLanguage` or `UnsupportedPair`, naming what is supported."""
    source, target = start.source_language, start.target_language
    heard = capabilities["asr"].languages
    if source != "auto" and source not in heard:
        raise UnsupportedLanguage(f"source_language {source!r} is not supported; supported: auto, {_list(heard)}")
    if target is None:
        return
    pairs = capabilities["mt"].pairs
    if source == "auto":
        if target not in {pair[1] for pair in pairs}:
            raise UnsupportedPair(f"nothing translates to {target!r}; supported: {_arrows(pairs)}")
    elif source != target and (source, target) not in pairs:
        raise UnsupportedPair(f"{source}→{target} is not supported; supported: {_arrows(pairs)}")
    spoken = capabilities["tts"].languages
    if start.speech and target not in spoken:
        raise UnsupportedLanguage(f"no voice speaks {target!r}; supported: {_list(spoken)}; or ask for speech: false")


def check_load(wait_s: float, threshold_s: float) -> None:
    """Raise `Overloaded` where those who speak already wait too long: a new session would make it worse for all."""
    if wait_s > threshold_s:
        raise Overloaded(f"recognition is {wait_s:.1f} s behind; new sessions are taken below {threshold_s:g} s")


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _arrows(pairs: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{source}→{target}" for source, target in sorted(pairs))
