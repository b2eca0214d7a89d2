"""Mainspring runs machine-learning models behind Replicate's HTTP API, on machines you own."""

__version__ = "0.1.0"
