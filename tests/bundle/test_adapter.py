"""The adapter under a real coglet: each way of writing a predictor, files, logs, chunks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from serving import Write, serving

from mainspring.bundle import Environment, describe, read_config
from mainspring.core.errors import BundleError

SYNC = """
    import sys
    import time
    from pathlib import Path as Plain
    from typing import Iterator, Optional
    from cog import BaseModel, BasePredictor, ConcatenateIterator, File, Input, Path, Secret
    import adapter as mine   # a module of the author's with the name of ours
    import helper

    class Nested(BaseModel):
        picture: Path
        more: dict

    class Predictor(BasePredictor):
        def setup(self) -> None:
            print("warm", self.predict("plain", image=None))

        def predict(
            self,
            case: str = Input(description="which"),
            number: int = Input(default=7, ge=0),
            image: Optional[Path] = Input(default=None),
            images: list[Path] = [],
            file: Optional[File] = Input(default=None),
            token: Secret = Input(default=None),
        ) -> object:
            return getattr(self, case)(number=number, image=image, images=images, file=file, token=token)

        def plain(self, number, **_):
            return f"number {number!r} {mine.WHO}"

        def fail(self, **_):
            print("before")
            helper.deep()

        def partial(self, **_):
            sys.stdout.write("no newline")
            return "x"

        def read(self, image, images, file, **_):
            return [type(image).__name__, image.read_text(), [p.read_text() for p in images], file.read().decode()]

        def string(self, **given):
            return "fine"

        def write(self, **_):
            made = Plain("made.txt")
            out = []
            made.write_text("one")
            opened = open("made.txt", "rb")
            return {"a": [made, opened], "b": (Nested(picture=Path("made.txt"), more={"deep": made}),)}

        def steps(self, **_):
            def each():
                for n in range(3):
                    Plain("same.txt").write_text(str(n))
                    yield Path("same.txt")
            return each()

        def missing(self, **_):
            return [Path("/nowhere/at/all.png")]

        def secret(self, token, **_):
            return [repr(token), token.get_secret_value()]

        def metric(self, **_):
            self.record_metric("tokens", 3)
            return "ok"

        def slow(self, **_):
            print("slow starts")
            sys.stdout.flush()
            for _ in range(500):
                time.sleep(0.02)
            return "never"
"""


async def test_sync_class(model: Write, here: Environment) -> None:
    source = model(
        SYNC.replace("-> object", "-> dict"),
        "predict: predict.py:Predictor\n",
        helper_py="def deep():\n    raise ValueError('you asked for it')\n",
        adapter_py="WHO = 'author'\n",
    )
    async with serving(source, here) as served:
        assert served.health["status"] == "READY", served.health
        assert (await served.run(case="plain")).output == "number 7 author"

        failed = await served.run(case="fail")
        assert failed.final["status"] == "failed"
        assert failed.final["error"].endswith("ValueError: you asked for it")
        assert failed.logs.startswith("before\nTraceback (most recent call last):\n")
        assert 'File "helper.py", line 2, in deep' in failed.logs
        assert failed.logs.count("File ") == 3
        assert "bundle/inside" not in failed.logs
        assert failed.logs.endswith("ValueError: you asked for it\n")

        assert (await served.run(case="partial")).logs == "no newline"
        assert (await served.run(case="plain")).logs == ""

        (served.inbox / "a.txt").write_text("A")
        name = f"mainspring-file://{served.inbox / 'a.txt'}"
        read = await served.run(case="read", image=name, images=[name, name], file=name)
        assert read.output == ["Path", "A", ["A", "A"], "A"]
        outside = await served.run(case="read", image=f"mainspring-file://{source / 'cog.yaml'}")
        assert outside.final["status"] == "failed"
        assert "was not handed in" in outside.final["error"]

        written = (await served.run(case="write")).output
        assert [served.file(each).read_text() for each in written["a"]] == ["one", "one"]
        nested = written["b"][0]
        assert served.file(nested["picture"]).name == "made.txt"
        assert served.file(nested["more"]["deep"]).read_text() == "one"
        assert nested["picture"] != nested["more"]["deep"]

        steps = (await served.run(case="steps")).output
        assert [served.file(each).read_text() for each in steps] == ["0", "1", "2"]

        missing = await served.run(case="missing")
        assert missing.final["status"] == "failed"
        assert (
            "FileNotFoundError: The output file /nowhere/at/all.png does not exist" in missing.final["error"]
        )

        assert (await served.run(case="secret", token="hush")).output == ["Secret(**********)", "hush"]
        assert (await served.run(case="metric")).final["metrics"]["tokens"] == 3


async def test_cancel_leaves_no_traceback(model: Write, here: Environment) -> None:
    source = model(
        SYNC.replace("-> object", "-> dict"),
        "predict: predict.py:Predictor\n",
        helper_py="",
        adapter_py="WHO = 1\n",
    )
    async with serving(source, here) as served:
        headers, body = {"accept": "text/event-stream"}, {"input": {"case": "slow"}}
        async with served.client.stream("PUT", "/predictions/c1", json=body, headers=headers) as reply:
            text = ""
            async for part in reply.aiter_text():
                if "slow starts" in part:
                    await served.client.post("/predictions/c1/cancel")
                text += part
        assert '"status":"canceled"' in text
        assert "Traceback" not in text


ASYNC = """
    from __future__ import annotations
    import asyncio
    from cog import BaseRunner, Path, concurrent
    from typing import Any, AsyncIterator

    class Runner(BaseRunner):
        async def setup(self) -> None:
            self.ready = True

        @concurrent(max=4)
        async def run(self, kind: str) -> AsyncIterator[Any]:
            assert self.ready
            print("start", kind)
            for n in range(4):
                if kind == "same":
                    yield "tok"
                elif kind == "mixed":
                    yield [1, "x", {"k": [None, 1.5]}, None][n]
                elif kind == "file":
                    import pathlib
                    pathlib.Path("out.txt").write_text(f"{n}")
                    yield Path("out.txt")
                elif kind == "fail" and n == 2:
                    raise KeyError("third")
                else:
                    yield n
                await asyncio.sleep(0.05)
"""


async def test_async_generator_is_live(model: Write, here: Environment) -> None:
    async with serving(model(ASYNC), here) as served:
        assert served.health["status"] == "READY", served.health
        same, mixed, files, failed = await asyncio.gather(
            *(served.run(kind=kind) for kind in ("same", "mixed", "file", "fail"))
        )
        assert [chunk[:2] for chunk in same.chunks()] == [(n, "tok") for n in range(4)]
        assert [chunk[1] for chunk in mixed.chunks()] == [1, "x", {"k": [None, 1.5]}, None]
        assert mixed.output == [1, "x", {"k": [None, 1.5]}, None]
        assert [served.file(chunk[1]).read_text() for chunk in files.chunks()] == list("0123")
        assert files.output == [chunk[1] for chunk in files.chunks()]
        for ended in (same, mixed, files):
            first, last = ended.chunks()[0][2], ended.events[-1][2]
            assert last - first > 0.15, "chunks came only at the end"
        assert [chunk[1] for chunk in failed.chunks()] == [0, 1]
        assert "KeyError: 'third'" in failed.logs
        assert failed.logs.count("File ") == 1
        assert {each.logs.splitlines()[0] for each in (same, mixed, files, failed)} == {
            "start same",
            "start mixed",
            "start file",
            "start fail",
        }


FUNCTION = """
    from cog import Input, Path, current_scope
    from typing import Iterator

    def tokens(prompt: str, times: int = Input(default=2, ge=1)) -> Iterator[str]:
        for n in range(times):
            print("tick", n)
            yield f"{prompt}{n}"

    async def single(image: Path) -> str:
        raise OSError(image.read_text())
"""


async def test_functions(model: Write, here: Environment) -> None:
    async with serving(model(FUNCTION, "run: predict.py:tokens\n"), here) as served:
        ended = await served.run(prompt="p")
        assert ended.output == ["p0", "p1"]
        assert [event for event, _, _ in ended.events if event == "output"] == ["output"] * 2
        assert ended.logs == "tick 0\ntick 1\n"
        bad = await served.client.post("/predictions", json={"input": {"prompt": "p", "times": 0}})
        assert bad.status_code in (409, 422)
    async with serving(model(FUNCTION, "run: predict.py:single\n"), here) as served:
        (served.inbox / "i").write_text("contents")
        failed = await served.run(image=f"mainspring-file://{served.inbox / 'i'}")
        assert failed.final["error"].endswith("OSError: contents")
        assert "in single\n    raise OSError(image.read_text())" in failed.logs


async def test_setup_failure_has_a_traceback(model: Write, here: Environment) -> None:
    source = model(
        """
        class Predictor:
            def setup(self, weights=None):
                raise RuntimeError(f"no weights {weights}")
            def predict(self, a: str) -> str:
                return a
        """,
    )
    async with serving(source, here) as served:
        assert served.health["status"] == "SETUP_FAILED"
        assert "RuntimeError: no weights None" in served.health["setup"]["logs"]
        lines = [json.loads(line) for line in served.errors.read_text().splitlines() if line.startswith("{")]
        printed = "\n".join(line["fields"]["message"] for line in lines)
        assert 'File "predict.py", line 4, in setup' in printed


async def test_healthcheck_weights_and_no_boxes(model: Write, here: Environment, tmp_path: Path) -> None:
    source = model(
        """
        from cog import Path
        class Predictor:
            def healthcheck(self) -> bool:
                return False
            def predict(self, a: str) -> Path:
                Path("x.txt").write_text(a)
                return Path("x.txt")
        """,
    )
    async with serving(source, here, adapter=False) as served:
        assert served.health["status"] == "UNHEALTHY"
        assert (await served.run(a="hi")).output == "data:text/plain;base64,aGk="


TRAINER = """
    from pathlib import Path as Plain
    from typing import Optional
    from cog import BaseModel, File, Input, Path

    class Trained(BaseModel):
        weights: Path
        steps: int

    def train(data: Path, steps: int = Input(default=3, le=9)) -> Trained:
        print("training on", data.read_text())
        if steps == 0:
            raise ValueError("no steps")
        Plain("w.bin").write_bytes(b"w" * steps)
        return Trained(weights=Path("w.bin"), steps=steps)

    class Trainer:
        def setup(self, weights: Optional[Path] = None) -> None:
            self.before = weights.read_text() if weights else "nothing"

        def train(self, data: Path, steps: int = Input(default=3, le=9)) -> Trained:
            print("after", self.before)
            return train(data, steps)

    class Predictor:
        def predict(self, a: str) -> str:
            return a
    """


@pytest.mark.parametrize("target", ["predict.py:train", "predict.py:Trainer", "predict.py"])
async def test_training(model: Write, here: Environment, target: str) -> None:
    source = model(TRAINER, f"run: predict.py:Predictor\ntrain: {target}\n")
    async with serving(source, here, train=True) as served:
        (served.inbox / "data").write_text("this")
        given = {"data": f"mainspring-file://{served.inbox / 'data'}"}
        ended = await served.run(**given)
        assert ended.final["status"] == "succeeded", ended.final
        assert ended.output["steps"] == 3
        weights = served.file(ended.output["weights"])
        assert weights.read_bytes() == b"www"
        assert weights.samefile(source / "w.bin"), "what may be gigabytes was copied"
        assert ended.logs == ("after nothing\n" if "Trainer" in target else "") + "training on this\n"
        failed = await served.run(**given, steps=0)
        assert failed.final["status"] == "failed"
        assert "ValueError: no steps" in failed.logs
        refused = await served.client.post("/predictions", json={"input": {"steps": 10}})
        assert {tuple(fault["loc"]) for fault in refused.json()["detail"]} == {
            ("body", "input", "data"),
            ("body", "input", "steps"),
        }


async def test_a_trainer_that_goes_on_from_weights(model: Write, here: Environment, tmp_path: Path) -> None:
    (tmp_path / "before.bin").write_text("much")
    source = model(TRAINER, "run: predict.py:Predictor\ntrain: predict.py:Trainer\n")
    async with serving(source, here, train=True, COG_WEIGHTS=str(tmp_path / "before.bin")) as served:
        (served.inbox / "data").write_text("this")
        ended = await served.run(data=f"mainspring-file://{served.inbox / 'data'}")
        assert ended.logs.startswith("after much\n")


async def test_what_can_not_train_is_told(model: Write, here: Environment) -> None:
    source = model(TRAINER, "run: predict.py:Predictor\ntrain: predict.py:Predictor\n")
    with pytest.raises(BundleError, match=r"Predictor in predict\.py has no train\(\)"):
        await describe(here, source, read_config(source))


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("Optional[Path] = None", "PosixPath"),
        ("Path", "PosixPath"),
        ("File", "BufferedReader"),
        ("str", "str"),
        ("Optional[str] = None", "str"),
    ],
)
async def test_weights_come_as_setup_wants_them(
    model: Write, here: Environment, tmp_path: Path, hint: str, told: str
) -> None:
    (tmp_path / "w.bin").write_text("x")
    source = model(
        f"""
        from typing import Optional
        from cog import File, Path

        class Predictor:
            def setup(self, weights: {hint}) -> None:
                self.kinds = [each.__name__ for each in type(weights).__mro__]

            def predict(self) -> list[str]:
                return self.kinds
        """,
        "run: predict.py:Predictor\n",
    )
    async with serving(source, here, COG_WEIGHTS=str(tmp_path / "w.bin")) as served:
        assert told in (await served.run()).output
    async with serving(source, here) as served:
        assert (await served.run()).output[0] == "NoneType"
