"""What is to be made of what was heard, asked for alike in requests and in jobs. Pure."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from izwi.fields import Language
from izwi.stages import LlmRequest


class Corrections(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    apply_hotword: bool = True
    """False leaves hotwords out of it, so that a client need not change the rest of its request."""
    apply_llm: bool = False
    """Let the language model go over each segment, where ``IZWI_LLM__BASE_URL`` names one."""
    llm_role: Literal["corrector", "translator"] = "corrector"
    target_language: Language | None = None
    """What the translator is to write."""
    with_speaker: bool = False
    """Say who spoke: ``SPEAKER_00``, ``SPEAKER_01`` and so on, in order of appearance."""

    @model_validator(mode="after")
    def _translator_needs_a_target(self) -> Self:
        if self.apply_llm and self.llm_role == "translator" and self.target_language is None:
            raise ValueError("llm_role=translator needs a target_language")
        return self

    def request(self, text: str, language: str, hotwords: tuple[str, ...]) -> LlmRequest:
        """What the model is asked of a text in that language (ISO 639-1)."""
        return LlmRequest(text, self.llm_role, language, self.target_language or "", hotwords)
