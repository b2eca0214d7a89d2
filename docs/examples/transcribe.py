"""Write down what is said in a file: python transcribe.py FILE"""

import sys

import replicate

with open(sys.argv[1], "rb") as audio:
    output = replicate.run(
        "openai/whisper:cdd97b257f93cb89dede1c7584df59efd8f09f98c99a9f02e1a23c6cf6ba7ab3",
        input={
            "audio": audio,
            "model": "large-v3",
            "language": "en",
            "translate": False,
            "transcription": "plain text",
        },
    )
print(output["transcription"])
