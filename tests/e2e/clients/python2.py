"""Runs with the Python client 2.0.0b4; prints what it saw as one JSON object."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from replicate import Replicate

hello, tokens, listen, invert = sys.argv[1:5]
clip = Path(sys.argv[5])
client = Replicate()
seen: dict[str, object] = {}
seen["run"] = client.run(hello, input={"text": "two"})
seen["iterate"] = "".join(client.run(tokens, input={"prompt": "t", "count": 3}))
seen["stream"] = "".join(client.stream(tokens, input={"prompt": "s", "count": 3}))
with clip.open("rb") as audio:
    seen["audio"] = client.run(listen, input={"audio": audio})
with clip.open("rb") as image:
    seen["image"] = client.run(invert, input={"image": image}).read()[:4].hex()
prediction = client.predictions.create(
    version=client.models.get(
        model_owner=hello.split("/")[0], model_name=hello.split("/")[1]
    ).latest_version.id,
    input={"text": "created"},
)
prediction = client.predictions.wait(prediction.id)
seen["created"] = [prediction.status, prediction.output]
print(json.dumps(seen))
