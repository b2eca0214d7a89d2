"""What runs inside a model's own Python: 3.10 or newer, the standard library and cog only, never mainspring.

`describe.py` prints the schema of a model; `adapter.py` is what coglet loads in front of the author's predictor.
"""
