"""Says markup that would like to become part of our pages, wherever a model can say something."""

from pathlib import Path as File
from typing import Any

from cog import BaseRunner, Input, Path

MARKUP = "<img src=x onerror='window.taken=1'><script>window.taken=1</script>\"'><svg onload='window.taken=1'>"
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" onload="document.title='taken'">
<script>document.title = 'taken'; top.taken = 1</script><rect width="80" height="80" fill="olive"/></svg>"""
PAGE = "<title>mine</title><script>document.title = 'taken'; top.taken = 1</script><p>A page</p>"


class Runner(BaseRunner):
    def setup(self) -> None:
        print(MARKUP)

    def run(
        self,
        text: str = Input(description=MARKUP, default=MARKUP),
        choice: str = Input(description="One of two", choices=[MARKUP, "fail"], default=MARKUP),
    ) -> Any:
        print(MARKUP)
        if choice == "fail":
            raise ValueError(MARKUP)
        name = "<img src=x onerror=window.taken=1>"
        files = {f"{name}.svg": DRAWING, f"{name}.html": PAGE, f"{name}.md": MARKUP, f"{name}.json": '{"a": "<b>"}'}
        for each, content in files.items():
            File(each).write_text(content)
        return {"said": MARKUP, MARKUP: [MARKUP], "files": [Path(each) for each in files]}
