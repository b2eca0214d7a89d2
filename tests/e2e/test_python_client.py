"""The official Python client, 1.0.7, unmodified, over HTTPS."""

from __future__ import annotations

import io
import sqlite3
import struct
import wave
from contextlib import closing
from pathlib import Path

import pytest
import replicate
from replicate.exceptions import ModelError, ReplicateError
from replicate.helpers import FileOutput

from tests.e2e.conftest import Pushed
from tests.e2e.server import TOKEN, Server


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> replicate.Client:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    return replicate.Client(api_token=TOKEN, base_url=server.tls_url)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack("<8000h", *range(8000)))
    return path


def test_runs_text(client: replicate.Client, pushed: Pushed) -> None:
    assert client.run(pushed("hello"), input={"text": "world"}) == "hello world"


async def test_runs_text_asynchronously(client: replicate.Client, pushed: Pushed) -> None:
    assert await client.async_run(pushed("hello"), input={"text": "async"}) == "hello async"


def test_runs_iterators(client: replicate.Client, pushed: Pushed) -> None:
    reference = pushed("tokens")
    assert "".join(client.run(reference, input={"prompt": "a", "count": 3})) == "a0 a1 a2 "
    version = client.models.get(reference).latest_version
    assert version is not None
    pieces = client.run(f"{reference}:{version.id}", input={"prompt": "b", "count": 3})
    assert "".join(pieces) == "b0 b1 b2 "


@pytest.mark.parametrize("model", ["tokens", "async-tokens"])
def test_streams(client: replicate.Client, pushed: Pushed, model: str) -> None:
    events = list(client.stream(pushed(model), input={"prompt": "x\n", "count": 4, "delay": 0.01}))
    assert [e.event.value for e in events] == ["output"] * 4 + ["done"]
    assert "".join(str(e) for e in events if e.event.value == "output") == "x\n0 x\n1 x\n2 x\n3 "
    assert len({e.id for e in events}) == 5


def test_creates_reloads_and_cancels(client: replicate.Client, pushed: Pushed) -> None:
    prediction = client.predictions.create(model=pushed("slow"), input={"seconds": 30.0})
    assert prediction.status == "starting"
    while prediction.status == "starting":
        prediction.reload()
    prediction.cancel()
    prediction.wait()
    assert prediction.status == "canceled"
    assert prediction.logs is not None
    assert "began" in prediction.logs


def test_polls_until_it_has_ended(client: replicate.Client, pushed: Pushed) -> None:
    prediction = client.predictions.create(model=pushed("slow"), input={"seconds": 0.05, "name": "well"})
    prediction.wait()
    assert (prediction.status, prediction.output) == ("succeeded", "slept well")
    assert prediction.metrics is not None
    assert prediction.metrics["predict_time"] > 0.04


def test_sends_audio_by_version(client: replicate.Client, pushed: Pushed, clip: Path) -> None:
    reference = pushed("listen")
    version = client.models.get(reference).latest_version
    assert version is not None
    with clip.open("rb") as audio:
        output = client.run(f"{reference}:{version.id}", input={"audio": audio, "language": "de"})
    assert output == {"seconds": 1.0, "language": "de", "name": "clip.wav"}


def test_sends_an_image_and_reads_the_file_that_comes_back(
    client: replicate.Client, pushed: Pushed, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    with photo.open("rb") as image:
        output = client.run(pushed("invert"), input={"image": image, "size": 2})
    assert isinstance(output, FileOutput)
    assert output.url.endswith("/result.png")
    assert output.read().startswith(b"\x89PNG")
    again = client.run(pushed("invert"), input={"image": output.url, "size": 3})
    assert isinstance(again, FileOutput)
    assert struct.unpack(">II", again.read()[16:24]) == (3, 3)


def test_data_uris_are_inputs_too(client: replicate.Client, pushed: Pushed) -> None:
    client_output = client.run(
        pushed("invert"), input={"image": io.BytesIO(b"abc")}, file_encoding_strategy="base64"
    )
    assert isinstance(client_output, FileOutput)
    assert client_output.read().startswith(b"\x89PNG")


def test_file_iterators_keep_their_order(client: replicate.Client, pushed: Pushed) -> None:
    outputs = list(client.run(pushed("frames"), input={"count": 4}))
    assert [o.read() for o in outputs] == [b"frame 0", b"frame 1", b"frame 2", b"frame 3"]


def test_a_models_own_exception_fails_the_prediction_with_its_traceback(
    client: replicate.Client, pushed: Pushed
) -> None:
    with pytest.raises(ModelError) as caught:
        client.run(pushed("broken"), input={"how": "raise"})
    prediction = caught.value.prediction
    assert prediction.error == "you asked for it"
    assert prediction.logs is not None
    assert "about to raise" in prediction.logs
    assert "ValueError: you asked for it" in prediction.logs
    assert "predict.py" in prediction.logs


def test_a_missing_output_file_is_a_failure(client: replicate.Client, pushed: Pushed) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.png"):
        client.run(pushed("broken"), input={"how": "missing"})


def test_a_model_process_that_dies_is_tried_three_times(
    client: replicate.Client, pushed: Pushed, server: Server
) -> None:
    with pytest.raises(ModelError) as caught:
        client.run(pushed("broken"), input={"how": "exit"})
    assert "died" in str(caught.value) or "crash" in str(caught.value).lower()
    with closing(sqlite3.connect(f"file:{server.data}/ledger.sqlite?mode=ro", uri=True)) as ledger:
        asked = (caught.value.prediction.id,)
        assert ledger.execute("SELECT attempt FROM predictions WHERE id = ?", asked).fetchone() == (3,)


def test_secrets_are_never_shown(client: replicate.Client, pushed: Pushed, server: Server) -> None:
    prediction = client.predictions.create(model=pushed("secret"), input={"key": "correct horse"})
    prediction.wait()
    assert prediction.output == len("correct horse")
    shown = prediction.json() + str(client.predictions.get(prediction.id).json())
    assert "correct horse" not in shown
    assert '"**********"' in shown
    ledger = b"".join(path.read_bytes() for path in server.data.glob("ledger.sqlite*"))
    assert b"correct horse" not in ledger


def test_bad_input_is_refused_in_replicates_words(client: replicate.Client, pushed: Pushed) -> None:
    with pytest.raises(ReplicateError) as caught:
        client.run(pushed("tokens"), input={"count": "three", "nope": 1})
    assert caught.value.status == 422
    assert caught.value.title == "Input validation failed"
    assert "prompt is required" in str(caught.value.detail)
    assert "Expected: integer, given: string" in str(caught.value.detail)


def test_unknown_models_and_versions_are_refused(client: replicate.Client) -> None:
    with pytest.raises(ReplicateError) as caught:
        client.run("mainspring/nothing", input={})
    assert caught.value.status == 404
    with pytest.raises(ReplicateError) as caught:
        client.run("mainspring/nothing:" + "0" * 64, input={})
    assert caught.value.status == 422


def test_a_wrong_token_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    stranger = replicate.Client(api_token="ms_wrong", base_url=server.tls_url)
    with pytest.raises(ReplicateError, match="You did not pass a valid authentication token"):
        stranger.run("mainspring/hello", input={})


def test_lists_models_versions_and_predictions(client: replicate.Client, pushed: Pushed) -> None:
    reference = pushed("hello")
    client.run(reference, input={"text": "once"})
    assert reference in [f"{m.owner}/{m.name}" for m in client.models.list()]
    model = client.models.get(reference)
    assert model.run_count >= 1
    assert [v.id for v in model.versions.list()] == [model.latest_version.id]  # type: ignore[union-attr]
    newest = client.predictions.list()[0]
    assert newest.status == "succeeded"


def test_files(client: replicate.Client, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    file = client.files.create(path, metadata={"a": 1})
    assert (file.name, file.size) == ("notes.txt", 5)
    assert file.id in [f.id for f in client.files.list()]
    assert client.files.get(file.id).checksums["sha256"].startswith("2cf24d")
    client.files.delete(file.id)
    with pytest.raises(ReplicateError):
        client.files.get(file.id)
