"""The Python client 2.0.0b4 gives up waiting and repeats its POST; prints the ids of what it made."""

from __future__ import annotations

import contextlib
import json
import sys

from replicate import APITimeoutError, ConflictError, Replicate

slow = sys.argv[1]
impatient = Replicate(timeout=0.7, max_retries=2)
version = impatient.models.get(
    model_owner=slow.split("/")[0], model_name=slow.split("/")[1]
).latest_version.id
with contextlib.suppress(APITimeoutError):
    impatient.predictions.create(version=version, input={"seconds": 3.0, "name": "impatient"}, prefer="wait")
patient = Replicate()
key = {"Idempotency-Key": sys.argv[2]}
asked = {"seconds": 0.1, "name": "keyed"}
keyed = [patient.predictions.create(version=version, input=asked, extra_headers=key).id for _ in range(2)]
refused = False
try:
    patient.predictions.create(version=version, input={"seconds": 0.2}, extra_headers=key)
except ConflictError:
    refused = True
made = [p.input["name"] for p in patient.predictions.list().results if p.input.get("name")]
print(json.dumps({"made": made, "keyed": keyed, "refused": refused}))
