"""The engine for any machine: transformers, with as many answers written together as are asked for."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from chat.batch import Batch
from chat.choosing import Chooser
from chat.config import Config
from chat.engine import Piece, Sampling, room
from chat.prompts import Prompt
from chat.tokens import Decoder, encode


class _Answer:
    """One answer, between the thread that writes it and the loop that reads it."""

    def __init__(self, ids: list[int], most: int, chooser: Chooser, decoder: Decoder) -> None:
        self.ids, self.most, self.chooser, self.decoder = ids, most, chooser, decoder
        self.left = False
        self.last = 0
        self._loop = asyncio.get_running_loop()
        self.pieces: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()

    def give(self, piece: Piece | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)

    def choose(self, logits: torch.Tensor, ends: Collection[int]) -> bool:
        """Write the next token; whether more are to come."""
        self.last = self.chooser.choose(logits)
        ended = self.last in ends
        written = self.chooser.written
        text = "" if ended else self.decoder.feed(self.last)
        more = not ended and written < self.most
        self.give(Piece(text if more else text + self.decoder.rest(), written, len(self.ids)))
        return more


class Transformers:
    """Answers come out of one thread, which alone touches the model."""

    name = "transformers"

    def __init__(self, model: Any, tokenizer: Any, config: Config, ends: Collection[int]) -> None:
        self._model, self._tokenizer, self._context, self._ends = model, tokenizer, config.context, ends
        self._batch = Batch(model)
        self._most = config.requests if self._batch.rows_may_differ() else 1
        self._asked: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
        self._rows: list[_Answer] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Piece, None]:
        """See Engine."""
        ids = encode(self._tokenizer, prompt)
        most = room(len(ids), self._context, sampling)
        vocabulary = self._model.get_output_embeddings().weight.shape[0]
        chooser = Chooser(sampling, self._ends, vocabulary, self._model.device)
        answer = _Answer(ids, most, chooser, Decoder(self._tokenizer))
        self._asked.put(answer)
        try:
            while (piece := await answer.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            answer.left = True

    def close(self) -> None:
        """See Engine."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while self._admit():
            if self._rows:
                try:
                    self._step()
                except Exception as error:
                    self._fail(error)

    def _admit(self) -> bool:
        """Take in who waits, as far as there is room; False when all is over."""
        while len(self._rows) < self._most:
            try:
                answer = self._asked.get(block=not self._rows)
            except queue.Empty:
                return True
            if answer is None:
                return False
            if not answer.left:
                self._begin(answer)
        return True

    def _begin(self, answer: _Answer) -> None:
        try:
            logits = self._batch.join(answer.ids)
        except Exception as error:
            answer.give(error)
            return
        self._rows.append(answer)
        self._go_on([answer.choose(logits, self._ends) if row is answer else True for row in self._rows])

    def _step(self) -> None:
        logits = self._batch.step([row.last for row in self._rows])
        self._go_on(
            [
                not row.left and row.choose(each, self._ends)
                for row, each in zip(self._rows, logits, strict=True)
            ]
        )

    def _go_on(self, more: list[bool]) -> None:
        if all(more):
            return
        for row, goes_on in zip(self._rows, more, strict=True):
            if not goes_on:
                row.give(None)
        kept = [number for number, goes_on in enumerate(more) if goes_on]
        self._rows = [self._rows[number] for number in kept]
        self._batch.keep(kept)

    def _fail(self, error: Exception) -> None:
        for row in self._rows:
            row.give(error)
        self._rows = []
        self._batch.keep([])


def start_transformers(directory: Path, config: Config) -> Transformers:
    """Load the weights, on the GPU where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    if config.weights.random:
        with device:
            shape = AutoConfig.from_pretrained(directory, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_config(shape, dtype=shape.dtype)
    else:
        model = AutoModelForCausalLM.from_pretrained(directory, dtype="auto", local_files_only=True)
    return Transformers(model.to(device).eval(), tokenizer, config, end_tokens(directory, tokenizer))


def end_tokens(directory: Path, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer: the weights' own list, and the tokenizer's."""
    listed: list[Any] = [tokenizer.eos_token_id]
    if (directory / "generation_config.json").exists():
        named = GenerationConfig.from_pretrained(directory, local_files_only=True).eos_token_id
        listed += named if isinstance(named, list) else [named]
    return frozenset(int(each) for each in listed if each is not None)
