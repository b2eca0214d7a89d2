"""Fixtures that many suites share."""
