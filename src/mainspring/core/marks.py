"""How JSON names files that lie here: marks that are never a URL or a path, until a reply or an instance needs one."""

from __future__ import annotations

import re

# OUTPUT/<prediction>/<capability>/<name> once it is stored; OUTPUT/<folder>/<name> as the model hands it out.
OUTPUT = "mainspring-output://"
INPUT = "mainspring-file://"
STORED = re.compile(rf'"{OUTPUT}([0-9a-z]{{26}})/([a-z2-7]{{52}})/([^"/\\]{{1,1024}})"')
