"""OpenAI's Whisper, run by faster-whisper: speech to text, in 100 languages, and into English."""

from typing import Any, Optional

from cog import BaseModel, BaseRunner, Input, Path
from gpu import device, threads
from languages import CODES, NAMES, code_of
from titles import FORMS, render, timestamp
from weights import weights

SIZES = ["tiny", "base", "small", "medium", "large", "large-v1", "large-v2", "large-v3"]


class Output(BaseModel):
    segments: list[dict]
    transcription: str
    detected_language: str
    translation: Optional[str] = None
    srt_file: Optional[Path] = None
    txt_file: Optional[Path] = None


class Runner(BaseRunner):
    def setup(self) -> None:
        from faster_whisper import WhisperModel

        place, numbers = device()
        with weights() as (directory, name):
            self.model = WhisperModel(
                str(directory),
                device=place,
                compute_type=numbers,
                cpu_threads=threads(),
                local_files_only=True,
            )
        self.size = name
        print(
            f"weights: {name}"
            + ("" if name == "large-v3" else " (not large-v3, which is openai/whisper's own)")
        )
        print(f"runs on: {place}, {numbers}")

    def run(
        self,
        audio: Path = Input(description="Audio file"),
        model: str = Input(
            description="Which Whisper model to ask for. The instance has one; where that is another, the log says so.",
            choices=SIZES,
            default="large-v3",
        ),
        transcription: str = Input(
            description="Choose the format for the transcription", choices=FORMS, default="plain text"
        ),
        translate: bool = Input(description="Translate the text to English when set to True", default=False),
        language: str = Input(
            description="Language spoken in the audio, specify 'auto' for automatic language detection",
            choices=["auto", *sorted(NAMES), *sorted(CODES)],
            default="auto",
        ),
        temperature: float = Input(description="temperature to use for sampling", default=0),
        patience: Optional[float] = Input(
            description="optional patience value to use in beam decoding; the default (1.0) is equivalent to "
            "conventional beam search",
            default=None,
        ),
        suppress_tokens: str = Input(
            description="comma-separated list of token ids to suppress during sampling; '-1' will suppress most "
            "special characters except common punctuations",
            default="-1",
        ),
        initial_prompt: Optional[str] = Input(
            description="optional text to provide as a prompt for the first window.", default=None
        ),
        condition_on_previous_text: bool = Input(
            description="if True, provide the previous output of the model as a prompt for the next window; "
            "disabling may make the text inconsistent across windows, but the model becomes less prone to getting "
            "stuck in a failure loop",
            default=True,
        ),
        temperature_increment_on_fallback: float = Input(
            description="temperature to increase when falling back when the decoding fails to meet either of the "
            "thresholds below",
            default=0.2,
        ),
        compression_ratio_threshold: float = Input(
            description="if the gzip compression ratio is higher than this value, treat the decoding as failed",
            default=2.4,
        ),
        logprob_threshold: float = Input(
            description="if the average log probability is lower than this value, treat the decoding as failed",
            default=-1.0,
        ),
        no_speech_threshold: float = Input(
            description="if the probability of the <|nospeech|> token is higher than this value AND the decoding "
            "has failed due to `logprob_threshold`, consider the segment as silence",
            default=0.6,
        ),
    ) -> Output:
        if model != self.size:
            print(f"asked for {model}; these weights are {self.size}")
        options = {
            "language": code_of(language),
            "temperature": temperatures(temperature, temperature_increment_on_fallback),
            "patience": 1.0 if patience is None else patience,
            "suppress_tokens": [int(each) for each in suppress_tokens.split(",") if each.strip()],
            "initial_prompt": initial_prompt,
            "condition_on_previous_text": condition_on_previous_text,
            "compression_ratio_threshold": compression_ratio_threshold,
            "log_prob_threshold": logprob_threshold,
            "no_speech_threshold": no_speech_threshold,
        }
        heard, info = self.listen(audio, options)
        translation = None
        if translate:
            in_english, _ = self.listen(audio, {**options, "language": info.language, "task": "translate"})
            translation = render(in_english, "plain text")
        return Output(
            segments=[describe(number, segment) for number, segment in enumerate(heard)],
            transcription=render(heard, transcription),
            detected_language=NAMES[info.language],
            translation=translation,
        )

    def listen(self, audio: Path, options: dict[str, Any]) -> tuple[list[Any], Any]:
        segments, info = self.model.transcribe(str(audio), **options)
        heard = []
        for segment in segments:
            print(f"[{timestamp(segment.start, '.')} --> {timestamp(segment.end, '.')}]{segment.text}")
            heard.append(segment)
        return heard, info


def temperatures(first: float, increment: float) -> list[float]:
    """What is tried in turn while decoding fails: `first`, and upwards to 1."""
    if increment <= 0:
        return [first]
    steps = max(0, int((1 - first + 1e-6) / increment))
    return [round(first + increment * step, 6) for step in range(steps + 1)]


def describe(number: int, segment: Any) -> dict[str, Any]:
    """A segment in Whisper's own words."""
    return {
        "id": number,
        "seek": segment.seek,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }
