"""Traces by OpenTelemetry: spans of the ingress and of the stages, joined by the contexts that requests bring."""
