"""Have the end of a prediction posted to a URL: python webhook.py URL"""

import sys

import replicate

prediction = replicate.predictions.create(
    model="replicate/hello-world",
    input={"text": "Alice"},
    webhook=sys.argv[1],
    webhook_events_filter=["completed"],
)
print(prediction.id)
