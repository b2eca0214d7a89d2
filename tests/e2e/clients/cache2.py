"""A result that is stored, taken, and refused, by the 2.x client."""

from __future__ import annotations

import json
import sys

from replicate import Replicate

client = Replicate()
told, output = [], []
for asked in (True, "1h", False):
    made = client.predictions.create(
        version=sys.argv[1],
        input={"prompt": "two", "count": 2},
        prefer="wait",
        extra_body={"cache": asked},
    )
    told.append(made.metrics.model_dump().get("cached", False))
    output.append("".join(made.output))
print(json.dumps({"told": told, "output": output}))
