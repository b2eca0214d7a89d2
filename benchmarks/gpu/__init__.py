"""Figures of big models, on a GPU where there is one; each module is a command of its own."""
