"""Recordings as jobs: what is asked for, where a job stands, and which addresses may be fetched. Pure."""
