"""What is set in a process before torch is imported."""

from __future__ import annotations

import logging
import os
import sys
import warnings


def prepare_process() -> None:
    """Show one GPU to the libraries, and let only our own lines be printed."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    # It misses kernels of 4 bits on machines that have no use for them.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
