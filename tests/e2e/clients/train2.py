"""Trains with the Python client 2.0.0b4; prints what it saw as one JSON object."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from replicate import Replicate

model, destination, text = sys.argv[1:4]
owner, name = model.split("/")
client = Replicate()
seen: dict[str, object] = {}
version = client.models.get(model_owner=owner, model_name=name).latest_version.id
url = client.files.create(content=Path(text).read_bytes()).urls.get
where = {"model_owner": owner, "model_name": name, "version_id": version}
made = client.trainings.create(**where, destination=destination, input={"text": url, "epochs": 3})
training = client.trainings.get(training_id=made.id)
while training.status not in ("succeeded", "failed", "canceled"):
    time.sleep(0.1)
    training = client.trainings.get(training_id=made.id)
seen["status"] = training.status
seen["logs"] = training.logs
seen["version"] = training.output.version
seen["tuned"] = client.run(training.output.version, input={"prompt": "The ", "seed": 7, "length": 120})
seen["listed"] = made.id in [one.id for one in client.trainings.list()]
more = client.trainings.create(**where, destination=destination, input={"text": url, "epochs": 50})
seen["canceled"] = client.trainings.cancel(training_id=more.id).status
print(json.dumps(seen))
