"""How many tokens the engine may hold, and how many of a prompt it computes in one step."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
import torch

#: The part of a GPU's free memory, once the model is loaded and warm, that holds tokens: the rest
#: is for what a step computes, and for the copy that is made when one layer's storage grows.
GPU_SHARE = 0.85
#: CUDA graphs of all shapes and their workspaces: with Llama-3-8B and 128 slots 0.55 GB, and up to
#: 68 MB for the attention's partial results (128 rows, 32 heads, 32 parts, 130 floats each).
GPU_GRAPHS = 600 << 20
#: On a CPU other processes need the memory too.
CPU_SHARE = 0.25

#: Tokens of prompts that one step computes: other answers wait for it. About
#: 27 ms on an H100 with Llama-3-8B, 0.2 s on two cores with the demo model.
GPU_PREFILL_CHUNK = 1024
CPU_PREFILL_CHUNK = 128


def prefill_chunk(device: torch.device) -> int:
    """Tokens of prompts that one step computes on this device."""
    return CPU_PREFILL_CHUNK if device.type == "cpu" else GPU_PREFILL_CHUNK


def affordable_tokens(token_bytes: Mapping[torch.device, int], *, max_tokens: int) -> int:
    """Tokens that fit into the free memory.

    ``token_bytes`` is what one token takes on each device; every device has to hold its part.
    Without a GPU at most ``max_tokens``, the need of full slots.
    """
    room = [_room(device) // size for device, size in token_bytes.items()]
    if all(device.type == "cpu" for device in token_bytes):
        room.append(max_tokens)
    return max(min(room), 1)


def _room(device: torch.device) -> int:
    if device.type != "cuda":
        return int(psutil.virtual_memory().available * CPU_SHARE)
    torch.cuda.empty_cache()
    free: int = torch.cuda.mem_get_info(device)[0]
    return int((free - min(GPU_GRAPHS, free // 8)) * GPU_SHARE)
