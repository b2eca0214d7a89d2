"""Draw with SDXL, by a version that Replicate knows: python draw.py PROMPT FILE [PIXELS]"""

import sys

import replicate

prompt, file, pixels = [*sys.argv[1:], "1024"][:3]
output = replicate.run(
    "stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc",
    input={
        "prompt": prompt,
        "width": int(pixels),
        "height": int(pixels),
        "num_outputs": 1,
        "scheduler": "K_EULER",
        "num_inference_steps": 30,
        "guidance_scale": 3,
        "seed": 7,
    },
)
with open(file, "wb") as image:
    image.write(output[0].read())
print(output[0].url)
