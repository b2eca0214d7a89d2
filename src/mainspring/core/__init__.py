"""Decisions and words: no I/O, no clock, no asyncio."""
