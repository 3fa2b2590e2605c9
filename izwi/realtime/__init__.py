"""OpenAI's realtime protocols as wires (`izwi.wire.Wire`) of our sessions; docs/realtime.md has what is supported."""
