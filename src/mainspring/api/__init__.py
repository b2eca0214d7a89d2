"""Replicate's HTTP API, one file per section of its reference."""
