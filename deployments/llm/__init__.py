"""A language model that goes over texts, behind any OpenAI-compatible endpoint."""
