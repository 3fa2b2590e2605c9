"""Correction of recognised text: hotwords by sound (`correct`), pure; what a language model adds is in `deployments.llm`."""

from izwi.correction.corrector import Corrector, Tuning, correct
from izwi.correction.leading import led_by

__all__ = ["Corrector", "Tuning", "correct", "led_by"]
