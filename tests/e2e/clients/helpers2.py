"""What the helpers of the Python client 2.0.0b4 see; as one JSON object. Every reply is validated by the client."""

from __future__ import annotations

import json
import sys

from replicate import NotFoundError, Replicate, UnprocessableEntityError

client = Replicate(base_url=sys.argv[1], _strict_response_validation=False)
seen: dict[str, object] = {"account": client.account.get().username}
seen["hardware"] = [one.sku for one in client.hardware.list()][:1]
seen["models"] = len({model.name for model in client.models.list()})
seen["found"] = [model.name for model in client.models.search(body="greets")]
seen["search"] = [one.model.name for one in client.search(query="hello", limit=5).models]
seen["pages"] = [page.href for page in client.search(query="collections.list").pages]
seen["collections"] = [one.slug for one in client.collections.list()]
seen["collection"] = [m.name for m in client.collections.get(collection_slug="greetings").models]
name = {"model_owner": "ada", "model_name": "hello"}
model = client.models.get(**name)
seen["cover"] = model.cover_image_url
seen["example"] = model.default_example["id"]
seen["readme"] = client.models.readme.get(**name)
seen["examples"] = [one.id for one in client.models.examples.list(**name)]
seen["versions"] = [one.id[:1] for one in client.models.versions.list(**name)]
seen["version"] = client.models.versions.get(**name, version_id="a" * 64).cog_version
seen["predictions"] = [one.status for one in client.predictions.list()]
made = client.models.create(owner="ada", name="two", visibility="private", hardware="cpu")
seen["updated"] = client.models.update(model_owner="ada", model_name="two", description="Second").description
client.models.delete(model_owner="ada", model_name="two")
uploaded = client.files.create(
    content=b"two", filename="two.txt", type="text/plain", metadata={"a": {"b": 1}}
)
seen["file"] = [uploaded.name, uploaded.content_type, uploaded.metadata]
seen["files"] = [one.id for one in client.files.list()] == [uploaded.id]
seen["got"] = client.files.get(file_id=uploaded.id).checksums.sha256 == uploaded.checksums.sha256
client.files.delete(file_id=uploaded.id)
for fault, call in (
    (NotFoundError, lambda: client.files.get(file_id=uploaded.id)),
    (UnprocessableEntityError, lambda: client.predictions.create(version="none", input={})),
):
    try:
        call()
    except fault as error:
        seen[fault.__name__] = error.body["detail"]
print(json.dumps(seen))
