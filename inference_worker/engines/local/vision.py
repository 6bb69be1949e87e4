"""Pictures for models of the LLaVA families, whose pictures are tokens between those of the text.

Two steps: the checkpoint's processor makes pixels, in any thread; the model's vision tower makes
one vector of them for each visual token, in the thread that runs the model.
"""

from __future__ import annotations

import io
import threading
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from inference_queue.protocol import FailureReason, Picture
from inference_worker.engines.local.batch_memory import Slot
from inference_worker.engines.local.kv_cache import Plan
from inference_worker.engines.local.ragged import RaggedPlan
from inference_worker.errors import EngineError

#: The models that can be read so, by their configuration's ``model_type``. Others look at pictures
#: in layers of their own (Mllama) or place tokens in two dimensions (Qwen2-VL): sequential.py.
FAMILIES = frozenset({"llava", "llava_next"})

#: The bot's pictures have a million at most.
MAX_PIXELS = 4_194_304
DECODERS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture as the vision tower takes it, and how many tokens it becomes."""

    tokens: int
    inputs: dict[str, Tensor]
    image: Image.Image | None = None  #: unpacked, for a processor that reads whole prompts


class Reader(Protocol):
    """Reads pictures with the checkpoint's processor; may be used from several threads."""

    @property
    def token(self) -> str:
        """The control token that stands for a picture."""

    def read(self, picture: Picture) -> Pixels:
        """The picture as the model takes it. Raises EngineError."""


class PictureReader:
    """Makes pixels of pictures, one at a time. May be used from several threads."""

    def __init__(self, processor: Any) -> None:
        """``processor``: that of the checkpoint, of transformers."""
        self._processor = processor
        self._token_id: int = processor.image_token_id
        self._one_at_a_time = threading.Lock()  # its tokenizer keeps settings between calls

    @property
    def token(self) -> str:
        """The control token that stands for a picture."""
        return str(self._processor.image_token)

    def read(self, picture: Picture) -> Pixels:
        """The picture's pixels; blocks for some ten milliseconds. Raises EngineError."""
        with self._one_at_a_time:
            image = decoded(picture)
            inputs = self._processor(
                text=self._processor.image_token, images=image, return_tensors="pt"
            )
        tokens = int((inputs["input_ids"] == self._token_id).sum())
        pixels = {name: inputs[name] for name in ("pixel_values", "image_sizes") if name in inputs}
        return Pixels(tokens, pixels)


def decoded(picture: Picture) -> Image.Image:
    """The picture's first frame. Raises EngineError.

    The bot has made it anew, but this process believes no job.
    """
    try:
        content = b64decode(picture.data, validate=True)
        with Image.open(io.BytesIO(content), formats=[DECODERS[picture.media_type]]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _invalid(f"a picture of {image.width}x{image.height} pixels")
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError) as error:
        raise _invalid(f"a broken picture ({type(error).__name__})") from error


def _invalid(what: str) -> EngineError:
    return EngineError(FailureReason.INVALID_JOB, f"the job has {what}")


@torch.inference_mode()
def seen(model: Any, pixels: Pixels) -> Tensor:
    """What the model sees: (tokens, hidden size), on its device. Raises ValueError."""
    inputs = {
        name: tensor.to(model.device, model.dtype if tensor.is_floating_point() else None)
        for name, tensor in pixels.inputs.items()
    }
    features = torch.cat(list(model.get_image_features(**inputs).pooler_output), dim=0)
    if len(features) != pixels.tokens:
        raise ValueError(f"the model makes {len(features)} tokens, its processor {pixels.tokens}")
    return features


def of_the_text(model: Any, attention: str) -> str | dict[str, str]:
    """The attention of the part that writes; a vision tower keeps its own."""
    has_eyes = getattr(model.config, "vision_config", None) is not None
    return {"text_config": attention} if has_eyes else attention


def embedded(model: Any, ids: Tensor, plan: Plan | RaggedPlan, slots: Sequence[Slot]) -> Tensor:
    """The tokens' vectors, (1, tokens, hidden size), those of pictures as they were seen."""
    vectors: Tensor = model.get_input_embeddings()(ids)
    token_id = getattr(model.config, "image_token_id", None)
    at = len(plan.lengths) if isinstance(plan, Plan) else 0
    for span in plan.spans if isinstance(plan, Plan) else ():
        slot, length = slots[span.row], span.stop - span.start
        if slot.seen is not None and token_id is not None:
            mix_in(
                vectors[0, at : at + length],
                slot.tokens[span.start : span.stop],
                slot.seen,
                token_id=token_id,
                before=slot.tokens[: span.start].count(token_id),
            )
        at += length
    return vectors


def mix_in(
    embedded: Tensor, ids: Sequence[int], features: Tensor, *, token_id: int, before: int
) -> None:
    """Put what was seen in the places of ``token_id``, in ``embedded`` (len(ids), hidden size).

    ``before``: visual tokens of the sequence that earlier chunks have had.
    """
    places = [at for at, token in enumerate(ids) if token == token_id]
    wanted = features[before : before + len(places)]
    embedded[places] = wanted.to(embedded.device, embedded.dtype)
