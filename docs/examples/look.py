"""Ask something about a photo: python look.py FILE QUESTION"""

import sys

import replicate

with open(sys.argv[1], "rb") as photo:
    answer = replicate.run(
        "salesforce/blip-2:4b32258c42e9efd4288bb9910bc532a69727f9acd26aa08e175713a0a857a608",
        input={"image": photo, "question": sys.argv[2]},
    )
print(answer)
