"""Text to tokens and back, by the weights' own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.prompts import Prompt


def encode(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The prompt's tokens. A template brings its own opening token; none is put before it twice."""
    if prompt.text is None and tokenizer.chat_template:
        text = str(_render(tokenizer, prompt))
    else:
        text = prompt.plain() if prompt.text is None else prompt.text
    opening = tokenizer.bos_token
    ids: list[int] = tokenizer.encode(text, add_special_tokens=not (opening and text.startswith(opening)))
    # A prompt may be empty, but an engine has to begin somewhere.
    return ids or [tokenizer.bos_token_id or tokenizer.eos_token_id or 0]


def _render(tokenizer: Any, prompt: Prompt) -> Any:
    import jinja2

    try:
        return tokenizer.apply_chat_template(prompt.messages(), tokenize=False, add_generation_prompt=True)
    except jinja2.TemplateError:  # a template without a place for a system prompt
        alone = Prompt("", prompt.plain())
        return tokenizer.apply_chat_template(alone.messages(), tokenize=False, add_generation_prompt=True)


class Decoder:
    """Tokens to text one by one; a character that is spread over several comes when it is whole."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._from = 0
        self._shown = ""

    def feed(self, token: int) -> str:
        """The text that this token adds, often ""."""
        self._ids.append(token)
        whole = self._text(self._ids[self._from :])
        if whole.endswith("\N{REPLACEMENT CHARACTER}") or len(whole) <= len(self._shown):
            return ""
        added = whole[len(self._shown) :]
        # The last tokens stay as context: some tokenizers decode a word differently at the start of a text.
        self._from = max(self._from, len(self._ids) - 4)
        self._shown = self._text(self._ids[self._from :])
        return added

    def rest(self) -> str:
        """What never became whole."""
        return self._text(self._ids[self._from :])[len(self._shown) :]

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
