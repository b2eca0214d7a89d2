"""Figures of real models, for machines with a GPU; each has a small way without one."""
