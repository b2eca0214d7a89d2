"""Deployments with the Python client 2.0.0b4; prints what it saw as one JSON object."""

from __future__ import annotations

import json
import sys
import time

from replicate import NotFoundError, PermissionDeniedError, Replicate

model, version = sys.argv[1:3]
client = Replicate()
seen: dict[str, object] = {}
made = client.deployments.create(
    name="two", model=model, version=version, hardware="cpu", min_instances=0, max_instances=1
)
seen["created"] = [
    made.owner,
    made.name,
    made.current_release.number,
    made.current_release.created_by.username,
]
this = {"deployment_owner": made.owner, "deployment_name": made.name}
prediction = client.deployments.predictions.create(**this, input={"text": "two"}, prefer="wait")
prediction = client.predictions.wait(prediction.id)
seen["predicted"] = [prediction.status, prediction.output, prediction.deployment]
changed = client.deployments.update(**this, max_instances=2)
seen["updated"] = [changed.current_release.number, changed.current_release.configuration.max_instances]
seen["got"] = client.deployments.get(**this).current_release.version == version
seen["listed"] = "two" in [each.name for each in client.deployments.list()]
client.deployments.update(**this, min_instances=0, max_instances=0)
for _ in range(200):
    try:
        client.deployments.delete(**this)
        break
    except PermissionDeniedError:
        time.sleep(0.05)
try:
    client.deployments.get(**this)
except NotFoundError:
    seen["deleted"] = True
print(json.dumps(seen))
