"""Call the model of one's own in `writer`: python write.py MODEL PROMPT"""

import sys

import replicate

print(replicate.run(sys.argv[1], input={"prompt": sys.argv[2], "length": 30, "seed": 1}))
