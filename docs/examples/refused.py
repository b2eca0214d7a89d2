"""Run a model, and say why not if it is refused: python refused.py MODEL TEXT"""

import sys

import replicate
from replicate.exceptions import ModelError, ReplicateError

try:
    print(replicate.run(sys.argv[1], input={"text": sys.argv[2]}))
except ReplicateError as error:
    print(error.status, error.title, error.detail, sep="\n")
except ModelError as error:
    print(error.prediction.status, error.prediction.error, sep="\n")
