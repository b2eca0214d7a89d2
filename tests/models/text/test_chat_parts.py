"""The parts of the chat package that need no engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from chat.answers import Answers
from chat.config import Config, Weights, read_config
from chat.engine import Piece, Sampling, room
from chat.prompts import Prompt, fill_in, own_template
from chat.starting import choose
from chat.stops import Stops
from chat.tokens import Decoder, encode
from chat.weights import find_weights, whose
from hypothesis import given
from hypothesis import strategies as st

CONFIG = Config("owner/name", weights=Weights(files=("config.json", "tokenizer.json")))
GREEDY = Sampling(8, 0, 0.0, 1.0, 0, 0.0, 0.0, 1)


@given(st.lists(st.text("ab<", max_size=4)), st.lists(st.text("ab<", min_size=1, max_size=3), max_size=3))
def test_stops_do_not_depend_on_how_text_is_cut(pieces: list[str], sequences: list[str]) -> None:
    stops, shown = Stops(sequences), ""
    for piece in pieces:
        shown += stops.feed(piece)
        if stops.hit:
            break
    shown += stops.rest()
    whole = "".join(pieces)
    ends = [at for each in sequences if (at := whole.find(each)) >= 0]
    assert stops.hit == bool(ends)
    if not ends:
        assert shown == whole
    else:
        assert not any(each in shown for each in sequences)
        assert whole.startswith(shown)


def test_stops_hold_back_only_what_may_become_one() -> None:
    stops = Stops.listed("<end>,stop")
    assert stops.feed("a <e") == "a "
    assert stops.feed("x <end") == "<ex "
    assert stops.feed("> more") == ""
    assert stops.hit
    assert Stops.listed(None).feed("a") == "a"
    assert Stops.listed("b").feed("abc", may_stop=False) == "abc"


def test_a_template_is_filled_once() -> None:
    template = "S:{system_prompt} U:{prompt} {json}"
    found = fill_in("be {prompt}", "say {system_prompt}", template)
    assert found.text == "S:be {prompt} U:say {system_prompt} {json}"


def test_a_template_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must contain \{prompt\}"):
        fill_in("s", "u", "no place")
    assert fill_in("s", "u", None) == fill_in("s", "u", "") == Prompt("s", "u")
    assert Prompt("", "u").messages() == [{"role": "user", "content": "u"}]


def test_foreign_weights_keep_their_own_template() -> None:
    llama, asked = "<|eot_id|>{prompt}", "Q: {prompt}"
    assert own_template(llama, llama, foreign=False) == llama
    assert own_template(llama, llama, foreign=True) is None
    assert own_template(asked, llama, foreign=True) == asked
    assert own_template(None, None, foreign=True) is None


def test_room_for_an_answer() -> None:
    assert room(10, 100, GREEDY) == 8
    assert room(96, 100, GREEDY) == 4
    with pytest.raises(ValueError, match="the prompt has 100 tokens; this model has room for 100"):
        room(100, 100, GREEDY)


def test_weights_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAINSPRING_WEIGHTS", raising=False)
    with pytest.raises(FileNotFoundError, match="mainspring catalog add owner/name --weights DIR"):
        find_weights(CONFIG)
    monkeypatch.setenv("MAINSPRING_WEIGHTS", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"lack tokenizer\.json\."):
        find_weights(CONFIG)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"lack \*\.safetensors\."):
        find_weights(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert find_weights(CONFIG) == tmp_path
    assert whose(CONFIG) == "weights: owner/name's own"
    (tmp_path / "small.gguf").write_bytes(b"")
    assert find_weights(CONFIG) == tmp_path / "small.gguf"
    monkeypatch.setenv("MAINSPRING_WEIGHTS_NAME", "other")
    assert whose(CONFIG) == "weights: other (not owner/name's own)"


def test_the_engine_follows_weights_and_machine() -> None:
    folder, quantized = Path("weights"), Path("weights.gguf")
    assert choose(CONFIG, quantized, vllm=True) == "llamacpp"
    assert choose(CONFIG, folder, vllm=True) == "vllm"
    assert choose(CONFIG, folder, vllm=False) == "transformers"
    assert choose(Config("o/n", engine="transformers"), folder, vllm=True) == "transformers"
    with pytest.raises(ValueError, match="wants a CUDA GPU, or a build of it for CPUs"):
        choose(Config("o/n", engine="vllm"), folder, vllm=False)
    with pytest.raises(ValueError, match="can't read"):
        choose(Config("o/n", engine="llamacpp"), folder, vllm=False)


def test_a_configuration_with_a_strange_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_text('model = "o/n"\n[defaults]\ntop_k = 7\n[vllm]\ntensor_parallel = 2\n')
    found = read_config(file)
    assert (found.defaults.top_k, found.vllm.tensor_parallel, found.context) == (7, 2, 4096)
    file.write_text('model = "o/n"\nengine = "magic"\n')
    with pytest.raises(ValueError, match="not 'magic'"):
        read_config(file)
    file.write_text('model = "o/n"\ntopk = 3\n')
    with pytest.raises(TypeError, match="topk"):
        read_config(file)


class Letters:
    """A tokenizer whose tokens are bytes."""

    bos_token, bos_token_id, eos_token_id, chat_template = "^", 94, 0, None

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return [*([94] if add_special_tokens else []), *text.encode()]

    def decode(self, ids: Sequence[int], **_: object) -> str:
        return bytes(ids).decode(errors="replace")


@given(st.text("aé⚙😀 ", max_size=30))
def test_the_decoder_gives_whole_characters(text: str) -> None:
    decoder = Decoder(Letters())
    parts = [decoder.feed(byte) for byte in text.encode()]
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(parts)
    assert "".join(parts) + decoder.rest() == text


def test_an_opening_token_comes_once() -> None:
    assert encode(Letters(), Prompt("", "hi", "hi")) == [*b"^hi"]
    assert encode(Letters(), Prompt("", "hi", "^hi")) == [*b"^hi"]
    assert encode(Letters(), Prompt("be", "hi")) == [*b"^be\n\nhi"]


class Spelling:
    """An engine that gives the letters of the prompt, and notes when it is left."""

    name = "spelling"

    def __init__(self) -> None:
        self.left = 0

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        try:
            for number, letter in enumerate(prompt.user[: sampling.max_tokens], 1):
                yield Piece(letter, number, 3)
        finally:
            self.left += 1


async def test_an_answer_stops_and_counts() -> None:
    engine = Spelling()
    answer = Answers(engine, Prompt("", "one two"), GREEDY, Stops.listed("two,w"))
    assert "".join([text async for text in answer.texts()]) == "one t"
    assert engine.left == 1
    found = answer.metrics()
    assert (found["input_token_count"], found["output_token_count"]) == (3, 6)
    assert found["time_to_first_token"] >= 0
    assert found["tokens_per_second"] > 0


async def test_min_tokens_come_before_any_stop() -> None:
    patient = Sampling(8, 5, 0.0, 1.0, 0, 0.0, 0.0, 1)
    answer = Answers(Spelling(), Prompt("", "ababab"), patient, Stops.listed("ab"))
    assert "".join([text async for text in answer.texts()]) == "abab"
