"""What a client may ask of a job. Pure."""

from collections.abc import Container
from typing import Literal, Self

from pydantic import Field, model_validator

from izwi.correction_options import Corrections
from izwi.errors import UnsupportedPair
from izwi.fields import HotwordList, Hotwords, Language, ListNames
from izwi.files.hearing import Wish
from izwi.messages.text import Prompt, Text

MOST_TARGETS = 8
"""Languages a recording is translated into at once."""


class JobOptions(Corrections):
    """How a recording is to be heard, and what is to be made of it. Whatever jobs learn to do is asked for here."""

    language: Language | None = None
    """Spoken language; detected if not given."""
    prompt: Prompt = ""
    """Text before the recording, or words to expect."""
    hotwords: HotwordList = Field(default=[])
    """Names and terms that may be said."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """``translate`` writes English, whatever is spoken."""
    target_languages: list[Language] = Field(default_factory=list, max_length=MOST_TARGETS)
    """Languages to translate the subtitles into."""
    debug: bool = False
    """Tell in ``meta`` of the result where the time went, and which hotwords were heard."""

    @model_validator(mode="after")
    def _one_translation(self) -> Self:
        if self.task == "translate" and self.target_languages:
            raise ValueError("task=translate writes English; for subtitles in target_languages leave the task out")
        self.target_languages = list(dict.fromkeys(self.target_languages))
        if not self.apply_hotword:
            self.hotwords = []
        return self

    @property
    def wish(self) -> Wish:
        return Wish(self.language, self.task, self.prompt, tuple(self.hotwords))

    def passes(self, language: str, pairs: Container[tuple[str, str]]) -> int:
        """How often a recording must be listened to: twice where only the recogniser itself writes it in English.

        Args:
            language: that is spoken, ISO 639-1.
            pairs: source and target languages that the text engines know.

        Raises:
            UnsupportedPair: nothing here writes it in one of the target languages.
        """
        passes = 1
        for target in self.target_languages:
            if target != language and (language, target) not in pairs:
                if target != "en":
                    raise UnsupportedPair(f"nothing here translates {language} into {target}")
                passes = 2
        return passes


class NewJob(JobOptions):
    """The form that makes a job, besides its file."""

    url: Text | None = Field(default=None, max_length=4096)
    """Where the recording is, in the place of a file."""

    hotwords: Hotwords = Field(default=[])
    """Names and terms that may be said: once per item, or with commas between them."""
    hotword_lists: ListNames = Field(default=[])
    """Names of lists that ``PUT /v1/hotwords/{name}`` has stored."""

    @model_validator(mode="after")
    def _as_applied(self) -> Self:
        if self.target_language is not None and self.llm_role != "translator":
            raise ValueError("target_language is for llm_role=translator; that of subtitles is target_languages")
        if not self.apply_hotword:
            self.hotword_lists = []
        return self

    @property
    def options(self) -> JobOptions:
        return JobOptions.model_validate(self.model_dump(exclude={"url", "hotword_lists"}))
