"""Hotwords in recognised text, by sound (`correct`). Pure; for what a language model adds see `deployments.llm`."""

from izwi.correction.corrector import Corrector, Tuning, correct
from izwi.correction.leading import led_by

__all__ = ["Corrector", "Tuning", "correct", "led_by"]
