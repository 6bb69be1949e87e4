"""Adapters that a server has beside its model: which are there, and how a request names one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from inference_worker.engines.served.dialects import Dialect, LoraField

Json = dict[str, Any]


def base_models(cards: Sequence[Json]) -> list[str]:
    """The models of a listing without the adapters on them, which have a ``parent``."""
    return [str(card.get("id")) for card in cards if not card.get("parent")]


def listed_adapters(dialect: Dialect, cards: Sequence[Json]) -> dict[str, int] | None:
    """The names that /v1/models tells, with no number each; None: the server may have others.

    vLLM and gateways list what can be asked for; SGLang's older versions list the model alone.
    """
    if dialect.lora is LoraField.MODEL and dialect.lists_adapters and cards:
        return {str(card.get("id")): 0 for card in cards}
    if dialect.lora is LoraField.LORA_PATH and any(card.get("parent") for card in cards):
        return {str(card.get("id")): 0 for card in cards if card.get("parent")}
    return None


def numbered_adapters(listing: object) -> dict[str, int]:
    """llama.cpp's numbers (GET /lora-adapters) by file, by its name without the ending, by number.

    The ending is ``.gguf``, and an operator may write any of the three.
    """
    found: dict[str, int] = {}
    for one in listing if isinstance(listing, list) else ():
        match one:
            case {"id": int(number), "path": str(path)}:
                file = PurePosixPath(path)
                found |= {str(number): number, path: number, file.name: number, file.stem: number}
    return found


def offered_adapters(
    wanted: Mapping[str, str], dialect: Dialect, there: Mapping[str, int] | None
) -> tuple[str, ...]:
    """The names of the settings whose adapter the server has, as far as it can be known."""
    if dialect.lora is None:
        return ()
    return tuple(name for name, place in wanted.items() if there is None or place in there)


def adapter_fields(
    wanted: Mapping[str, str], dialect: Dialect, there: Mapping[str, int] | None, chosen: str
) -> Json:
    """The request's fields for the adapter ``chosen``; "": for the model alone."""
    place = wanted.get(chosen, "")
    if dialect.lora is LoraField.SCALES and wanted:
        # llama.cpp applies all that it was started with, unless a request says otherwise.
        numbers = sorted(set((there or {}).values()))
        own = (there or {}).get(place)
        return {"lora": [{"id": n, "scale": 1.0 if n == own else 0.0} for n in numbers]}
    if not place:
        return {}
    return {"lora_path" if dialect.lora is LoraField.LORA_PATH else "model": place}
