"""A deployment that keeps one instance warm: python warm.py NAME MODEL"""

import sys

import replicate

name, model = sys.argv[1:]
version = replicate.models.get(model).latest_version
deployment = replicate.deployments.create(
    name=name, model=model, version=version.id, hardware="cpu", min_instances=1, max_instances=1
)
print(f"{deployment.owner}/{deployment.name}")
