"""`mainspring run` from the first request to the exit code."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_double import FILE, PIECES, TEXT, TOKEN, VERSION, Double, schema
from typer.testing import Result

Cli = Callable[..., Result]


def test_a_text_goes_to_stdout_and_logs_to_stderr(server: Double, cli: Cli) -> None:
    server.states = [
        {"status": "processing", "logs": "loading\nhal"},
        {"status": "succeeded", "logs": "loading\nhalf a line", "output": "hello"},
    ]
    done = cli("run", "acme/hello", "-i", "prompt=Ada")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "hello\n", "loading\nhalf a line\n")
    assert server.created == [("/v1/models/acme/hello/predictions", {"input": {"prompt": "Ada"}})]


def test_a_version_is_run_by_its_model_and_its_id(server: Double, cli: Cli) -> None:
    assert cli("run", f"acme/hello:{VERSION}", "-i", "prompt=x").exit_code == 0
    assert server.created == [
        ("/v1/predictions", {"input": {"prompt": "x"}, "version": f"acme/hello:{VERSION}"})
    ]


def test_values_become_what_the_schema_wants(server: Double, cli: Cli) -> None:
    server.document = schema(
        {
            "count": {"type": "integer"},
            "scale": {"type": "number"},
            "loud": {"type": "boolean"},
            "name": TEXT,
            "tags": {"type": "array", "items": TEXT},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "extra": {"type": "object"},
            "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "style": {"allOf": [{"$ref": "#/components/schemas/style"}], "default": 1},
        },
        TEXT,
        style={"type": "integer", "enum": [1, 2]},
    )
    given = [
        "count=3",
        "scale=2",
        "loud=Yes",
        "name=007",
        "tags=a",
        "tags=b",
        "sizes=[1, 2]",
        'extra={"a": 1}',
    ]
    done = cli("run", "acme/hello", *(x for pair in [*given, "seed=null", "style=2"] for x in ("-i", pair)))
    assert done.exit_code == 0
    assert server.created[0][1]["input"] == {
        "count": 3,
        "scale": 2.0,
        "loud": True,
        "name": "007",
        "tags": ["a", "b"],
        "sizes": [1, 2],
        "extra": {"a": 1},
        "seed": None,
        "style": 2,
    }


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("count=three", "count must be a whole number, not 'three'"),
        ("loud=maybe", "loud must be true or false"),
        ("style=7", "style must be one of 1, 2"),
        ("extra=[]", "extra must be a JSON object"),
        ("image=@nowhere.png", "there is no file 'nowhere.png'"),
        ("colour=red", "no input 'colour'"),
        ("count", "written name=value"),
    ],
)
def test_a_value_that_does_not_fit_is_told_before_anything_is_sent(
    server: Double, cli: Cli, pair: str, words: str
) -> None:
    kinds = {
        "count": {"type": "integer"},
        "loud": {"type": "boolean"},
        "extra": {"type": "object"},
        "image": FILE,
    }
    server.document = schema({**kinds, "style": {"type": "integer", "enum": [1, 2]}}, TEXT)
    done = cli("run", "acme/hello", "-i", pair)
    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert (server.created, server.uploads) == ([], [])


def test_files_are_uploaded_and_named_by_their_urls(server: Double, cli: Cli, home: Path) -> None:
    server.document = schema({"image": FILE, "more": {"type": "array", "items": FILE}}, TEXT)
    (home / "photo.jpg").write_bytes(b"jpeg")
    (home / "b.bin").write_bytes(b"")
    given = ["-i", "image=@photo.jpg", "-i", "more=@b.bin", "-i", "more=https://example.com/c.png"]
    assert cli("run", "acme/hello", *given).exit_code == 0
    assert server.uploads == [
        ("photo.jpg", "image/jpeg", b"jpeg"),
        ("b.bin", "application/octet-stream", b""),
    ]
    made = {
        "image": f"{server.url}/v1/files/f1",
        "more": [f"{server.url}/v1/files/f2", "https://example.com/c.png"],
    }
    assert server.created[0][1]["input"] == made


def test_an_upload_that_is_refused_says_which_file(server: Double, cli: Cli, home: Path) -> None:
    server.document = schema({"image": FILE}, TEXT)
    server.refusal = (413, {"detail": "Files must be less than 100MB in size"})
    (home / "photo.jpg").write_bytes(b"jpeg")
    done = cli("run", "acme/hello", "-i", "image=@photo.jpg")
    assert done.exit_code == 1
    assert "photo.jpg could not be uploaded: Files must be less than 100MB in size" in done.stderr


def _event(name: str, number: int, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\nid: 17:{number}\n{lines}\n"


def test_a_text_streams_and_a_broken_stream_goes_on_where_it_was(server: Double, cli: Cli) -> None:
    pieces = ["Once ", "upon\u2028a\n", "time", " there\x85."]
    ended: list[bool] = []

    def stream(last: str) -> Iterator[str]:
        start = int(last.split(":")[1]) + 1 if last else 0
        yield ": hi\n\n"
        for number in range(start, len(pieces)):
            if number == 2 and not start:
                yield "event: output\nid: 17:2\ndata: ti"
                return
            yield _event("output", number, pieces[number])
        ended.append(True)
        server.states = [{"status": "succeeded", "output": pieces}]
        yield _event("done", 9, "{}")

    server.document, server.stream = schema({"prompt": TEXT}, PIECES), stream
    server.states = [{"status": "processing", "output": pieces[:1]}]
    done = cli("run", "acme/hello", "-i", "prompt=x")
    assert (done.exit_code, done.stdout) == (0, "".join(pieces) + "\n")
    assert [h.get("last-event-id") for h in server.stream_headers] == [None, "17:1"]
    assert all("authorization" not in h for h in server.stream_headers)
    assert ended == [True]


def test_what_a_stream_leaves_out_is_printed_at_the_end(server: Double, cli: Cli) -> None:
    def stream(last: str) -> Iterator[str]:
        yield _event("output", 0, "one ")
        yield _event("done", 1, "{}")

    server.document, server.stream = schema({"prompt": TEXT}, PIECES), stream
    server.states = [{"status": "succeeded", "output": ["one ", "two"]}]
    assert cli("run", "acme/hello").stdout == "one two\n"
    assert cli("run", "acme/hello", "--no-stream").stdout == "one two\n"
    assert len(server.stream_headers) == 1


def test_a_text_that_was_made_again_is_printed_whole(server: Double, cli: Cli) -> None:
    def stream(last: str) -> Iterator[str]:
        yield _event("output", 0, "first try")
        yield _event("done", 1, "{}")

    server.document, server.stream = schema({"prompt": TEXT}, PIECES), stream
    server.states = [{"status": "succeeded", "output": ["another"]}]
    done = cli("run", "acme/hello")
    assert done.stdout.endswith("another\n")
    assert "run again" in done.stderr


def test_files_are_saved_under_safe_names_that_replace_nothing(server: Double, cli: Cli, home: Path) -> None:
    server.document = schema({"prompt": TEXT}, {"type": "array", "items": FILE})
    server.files = {"p1/out-0.png": ("image/png", b"one"), "p1/..%2F..%2Fevil sh": ("text/plain", b"two")}
    (home / "out-0.png").write_bytes(b"mine")
    inline = "data:image/png;base64," + base64.b64encode(b"three").decode()
    base = server.url.replace("127.0.0.1", "localhost")
    urls = [f"{base}/outputs/p1/out-0.png", f"{base}/outputs/p1/..%252F..%252Fevil%20sh", inline]
    server.states = [{"status": "succeeded", "output": urls}]
    done = cli("run", "acme/hello")
    assert done.exit_code == 0, done.output
    assert done.stdout.split()[::2] == ["out-0-1.png", "output.png"]
    assert (home / "out-0.png").read_bytes() == b"mine"
    assert {p.read_bytes() for p in home.iterdir()} == {b"mine", b"one", b"two", b"three"}
    assert all("authorization" not in h for h in server.file_headers)


def test_files_inside_objects_are_saved_and_foreign_urls_are_not(
    server: Double, cli: Cli, home: Path
) -> None:
    inner = {"type": "object", "properties": {"image": FILE, "caption": TEXT, "link": FILE}}
    server.document = schema({"prompt": TEXT}, {"$ref": "#/components/schemas/Made"}, Made=inner)
    server.files = {"a.png": ("image/png", b"one")}
    link = "https://elsewhere.invalid/x.png"
    output = {"image": f"{server.url}/outputs/a.png", "caption": f"{server.url}/outputs/a.png", "link": link}
    server.states = [{"status": "succeeded", "output": output}]
    done = cli("run", "acme/hello", "-o", "pictures")
    assert json.loads(done.stdout) == {**output, "image": "pictures/a.png"}
    assert (home / "pictures" / "a.png").read_bytes() == b"one"
    assert f"{link} is not on this server" in done.stderr


def test_json_prints_the_prediction_and_saves_nothing(server: Double, cli: Cli, home: Path) -> None:
    server.document = schema({"prompt": TEXT}, FILE)
    server.states = [
        {"status": "succeeded", "output": f"{server.url}/outputs/a.png", "metrics": {"predict_time": 1.5}}
    ]
    found = json.loads(cli("run", "acme/hello", "--json").stdout)
    assert (found["status"], found["metrics"]) == ("succeeded", {"predict_time": 1.5})
    assert list(home.iterdir()) == []


def test_a_failure_shows_the_error_and_the_logs(server: Double, cli: Cli) -> None:
    server.states = [
        {"status": "failed", "error": "no such colour", "logs": "Traceback\nValueError: no such colour\n"}
    ]
    done = cli("run", "acme/hello", "-i", "prompt=x")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "ValueError: no such colour" in done.stderr
    assert "failed: no such colour" in done.stderr


def test_refused_input_shows_the_inputs_of_the_model(server: Double, cli: Cli) -> None:
    detail = "- input: prompt is required\n"
    server.refusal = (422, {"title": "Input validation failed", "detail": detail, "status": 422})
    done = cli("run", "acme/hello")
    assert done.exit_code == 1
    assert "- input: prompt is required" in done.stderr
    assert "prompt: text (required)" in done.stderr


def test_a_model_that_is_not_there(server: Double, cli: Cli) -> None:
    assert "There is no model acme/missing here." in cli("run", "acme/missing").stderr
    assert "names no model" in cli("run", "missing").stderr
    server.document = {}
    assert "has no version yet" in cli("run", "acme/hello").stderr


def test_terminal_escapes_of_a_model_are_not_passed_to_a_terminal() -> None:
    from mainspring.cli.terminal import printable

    assert printable("a\x1b[31mred\x1b[0m\x1b]0;title\x07 \x9b2Jb\r\nc\td\x08") == "ared 2Jb\nc\td"


def test_a_log_is_split_where_a_line_is_written_over() -> None:
    from mainspring.cli.progress import split_log

    assert split_log("\r 0%\nstep\n\r 50%\r 100%\r\n\nend\n") == [" 0%", "step", " 50%", " 100%", "", "end"]
    assert split_log("") == []


def test_progress_lines_are_recognised() -> None:
    from mainspring.cli.progress import read_progress

    assert read_progress(" 40%|████      | 2/5 [00:01<00:01,  2.00it/s]") == 40
    assert read_progress("Sampling: 100%|██████████| 50/50 [00:01<00:00]") == 100
    assert read_progress("we are at 40% | of all") is None


def interruptible(*arguments: str) -> subprocess.Popen[str]:
    """A command that hears Ctrl-C also where the tests run in the background, which takes no notice of it."""
    code = "from mainspring.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_ctrl_c_cancels_the_prediction(server: Double, home: Path) -> None:
    server.states = [{"status": "processing"}]
    running = interruptible("run", "acme/hello", "-i", "prompt=x")
    assert server.polled.wait(60)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert server.canceled.is_set(), err
    assert running.returncode == 130
    assert "prediction p1 was canceled" in err
    assert "Traceback" not in err
    assert TOKEN not in out + err


def test_ctrl_c_cancels_what_is_being_made(server: Double, home: Path) -> None:
    server.creating.clear()
    running = interruptible("run", "acme/hello", "-i", "prompt=x")
    while not server.created:
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    assert running.stderr is not None
    while "canceling" not in (line := running.stderr.readline()):
        assert line
    server.creating.set()
    _, err = running.communicate(timeout=60)
    assert server.canceled.is_set(), err
    assert (running.returncode, "prediction p1 was canceled" in err) == (130, True)
