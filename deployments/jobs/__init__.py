"""Recordings that are worked on in the background, by whichever ingress replica has time."""
