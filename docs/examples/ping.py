"""Keep a model warm by calling it now and then: python ping.py MODEL [SECONDS [TIMES]]"""

import itertools
import sys
import time

import replicate

model, seconds, times = [*sys.argv[1:], "30", "inf"][:3]
for count in itertools.count():
    if count >= float(times):
        break
    print(replicate.run(model, input={}), flush=True)
    time.sleep(float(seconds))
