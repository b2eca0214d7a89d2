"""Create a prediction, look at it until it has ended, print it."""

import time

import replicate

prediction = replicate.predictions.create(
    version="5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",  # replicate/hello-world
    input={"text": "Alice"},
)
print(prediction.status)
while prediction.status not in ("succeeded", "failed", "canceled"):
    time.sleep(0.1)
    prediction.reload()
print(prediction.status, prediction.output)
