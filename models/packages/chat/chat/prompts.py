"""From inputs to what the model reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said to the model. text: the whole, already formatted; None leaves it to the weights' template."""

    system: str
    user: str
    text: str | None = None

    def messages(self) -> list[dict[str, str]]:
        """As chat templates want it."""
        asked = [{"role": "user", "content": self.user}]
        return [{"role": "system", "content": self.system}, *asked] if self.system else asked

    def plain(self) -> str:
        """For weights without a template."""
        return f"{self.system}\n\n{self.user}" if self.system else self.user


def fill_in(system: str, user: str, template: str | None) -> Prompt:
    """The prompt in `template`, of which only {prompt} and {system_prompt} are replaced.

    Raises ValueError when the template has no place for the prompt.
    """
    if not template:
        return Prompt(system, user)
    if "{prompt}" not in template:
        raise ValueError("prompt_template must contain {prompt}; '{prompt}' alone adds nothing to the prompt")
    before, _, after = template.partition("{prompt}")
    return Prompt(system, user, f"{_system(before, system)}{user}{_system(after, system)}")


def own_template(asked: str | None, default: str | None, *, foreign: bool) -> str | None:
    """The template to use. With foreign weights, not those of the model's name, its default is none of theirs."""
    return None if foreign and asked == default else asked


def _system(part: str, system: str) -> str:
    return part.replace("{system_prompt}", system)
