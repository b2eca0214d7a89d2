"""Measures the platform against bare coglet on the same machine, in one run: `make bench`."""
