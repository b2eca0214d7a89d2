"""A refused prediction as the 2.x client tells of it."""

from __future__ import annotations

import sys

import replicate

try:
    replicate.run(sys.argv[1], input={"text": "x"})
except replicate.ReplicateError as error:
    print(getattr(error, "status_code", None), error)
