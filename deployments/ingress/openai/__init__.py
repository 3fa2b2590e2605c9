"""Routes that OpenAI's clients speak."""
