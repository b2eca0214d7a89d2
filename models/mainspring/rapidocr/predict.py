"""RapidOCR: finds and reads the text in an image with PaddleOCR's PP-OCRv6 networks."""

import os

import numpy as np
from cog import BaseModel, BaseRunner, Input, Path
from PIL import Image, ImageOps
from rapidocr import RapidOCR


class Output(BaseModel):
    text: str
    lines: list[dict]


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class Runner(BaseRunner):
    def setup(self) -> None:
        self.engine = RapidOCR(
            params={
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads(),
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        # The networks are loaded on first use: let that be now.
        self.engine(Path(__file__).with_name("notice.png"))

    def run(
        self,
        image: Path = Input(description="An image with printed text, English or Chinese"),
        min_confidence: float = Input(
            description="Leave out lines that were read with less confidence than this", default=0.5, ge=0, le=1
        ),
    ) -> Output:
        pixels = ImageOps.exif_transpose(Image.open(image)).convert("RGB")
        read = self.engine(np.asarray(pixels)[:, :, ::-1], text_score=min_confidence)
        lines = []
        if read.txts is not None:
            lines = [
                {"text": text, "confidence": round(float(score), 4), "box": box.round().astype(int).tolist()}
                for text, score, box in zip(read.txts, read.scores, read.boxes)
            ]
        return Output(text="\n".join(line["text"] for line in lines), lines=lines)
