"""Settings of the flow of one live session: when words are shown, settled, translated and spoken."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SessionSettings(BaseModel):
    """The flow of one live session."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    update_ms: int = Field(default=300, ge=50)
    """New speech that triggers a partial pass when the recogniser is free; under load the period stretches."""
    pause_ms: int = Field(default=200, ge=32)
    """Silence after which a careful pass is made at once: most often the utterance ends here, and its final transcript
    is then ready when the endpoint is reached."""
    policy: Literal["agreement", "pause"] = "agreement"
    """When words are settled: ``agreement`` as soon as they are stable, ``pause`` only when the speaker pauses, for
    comparison."""
    agreement_window: int = Field(default=2, ge=1)
    """Hypotheses that vote on a word (LocalAgreement-n)."""
    agreement_threshold: float = Field(default=0.7, gt=0, le=1)
    """Share of those hypotheses that must agree on a word before it is committed."""
    min_confidence: float = Field(default=0.7, ge=0, le=1)
    """Mean token probability; below it a word needs one more agreeing hypothesis."""
    trust_after_s: float = Field(default=0.6, ge=0.5)
    """Audio after a confident word that makes a second hypothesis unnecessary."""
    settle_after_s: float = Field(default=1.5, ge=0.5)
    """Audio after a doubtful word beyond which it needs no more hypotheses than other words."""
    show_confidence: float = Field(default=0.9, ge=0, le=1)
    """Mean token probability below which the last words of a hypothesis are not shown yet: of what was shown, every
    fourth word is taken back, with 0.7 every third one; words come a tenth of a second later."""
    noise_confidence: float = Field(default=0.2, ge=0, le=1)
    """Mean word confidence below which nothing is believed while nothing is committed: howls and hums are heard as
    "Aaah" with 0.1, a clipped "right" with 0.3."""
    trim_s: float = Field(default=4.0, gt=1)
    """Window length beyond which committed audio is dropped; the cost of a pass grows with the window."""
    overlap_s: float = Field(default=1.5, ge=0)
    """Committed audio kept before the cut, so that no word is clipped."""
    max_window_s: float = Field(default=14.0, gt=4, le=28)
    """A window this long without agreement is committed by force: it bounds cost and memory. Recognition takes 28 s."""
    clause_max_words: int = Field(default=14, ge=3)
    """A clause without punctuation is cut here: translation must not wait for ever."""
    audio_queue: int = Field(default=30, ge=1)
    """Half-seconds of audio waiting for the detector: how far a client may be ahead, and a bound on memory."""
    text_queue: int = Field(default=20, ge=1)
    """Clauses waiting for translation."""
    translation_queue: int = Field(default=20, ge=1)
    """Translations waiting for synthesis."""
    captions_only_ms: int = Field(default=3000, ge=500)
    """Mean audio between two updates from which translations are no longer spoken: synthesis would take the processor
    from recognition."""
    speech_queue: int = Field(default=20, ge=1)
    """Synthesised pieces waiting for the client."""
    speech_hurry_s: float = Field(default=2.0, gt=0)
    """Seconds that speech is behind from which it is hurried: less is what two clauses at once make, and goes by."""
    speech_hurry_speed: float = Field(default=1.25, ge=1, le=2)
    """Most that speech is hurried, times the speed asked for: 20 % off its duration is where listeners begin to find
    it harder to follow."""
    speech_merge_s: float = Field(default=6.0, gt=0)
    """Seconds behind from which speech is hurried at most, and translations that wait are said in one synthesis: about
    a clause too late, so that speed alone no longer helps."""
    speech_merge_chars: int = Field(default=180, ge=1)
    """Characters said in one synthesis at most: two pieces of ``tts.piece_chars``, about 12 s, for which speed and
    order are settled beforehand."""
    speech_skip_s: float = Field(default=15.0, gt=0)
    """Seconds behind from which new translations are not spoken: the listener hears of another subject than the
    speaker, and the captions have it all."""

    @model_validator(mode="after")
    def _steps_rise(self) -> Self:
        if not self.speech_hurry_s < self.speech_merge_s <= self.speech_skip_s:
            raise ValueError("speech_hurry_s, speech_merge_s and speech_skip_s must rise")
        return self
