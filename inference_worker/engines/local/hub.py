"""Fetch a model from the Hugging Face hub, once, and report the progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

from inference_queue.presets import DEMO_PRESET, PRESETS
from inference_queue.protocol import FailureReason
from inference_worker.errors import EngineError

#: What is fetched of a repository: no pickles, no second copies in other formats.
FILES = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model"]


def fetch(repository: str, progress: Callable[[str], None]) -> Path:
    """The local copy of a repository, fetched or completed; the last one without the hub.

    Raises EngineError, whose sentence says what to do.
    """
    progress(f"looking up {repository} on the Hugging Face hub")
    try:
        name = repo_folder_name(repo_id=repository, repo_type="model")
        folder = Path(constants.HF_HUB_CACHE, name)
        with report_growth(folder, progress):
            return Path(snapshot_download(repository, allow_patterns=FILES))
    except HFValidationError as error:
        wrong = f"is no preset ({', '.join(PRESETS)}), no directory and no hub id"
        raise _unavailable(f"{repository!r} {wrong}") from error
    except LocalEntryNotFoundError as error:
        raise _unavailable(
            f"the Hugging Face hub cannot be reached and {repository} is not on this machine: "
            "check the network, or set WORKER_MODEL to a directory with the model, "
            f"or to {DEMO_PRESET} for the small demo model"
        ) from error
    except RepositoryNotFoundError as error:
        raise _unavailable(
            f"the Hugging Face hub shows no {repository}: check WORKER_MODEL, "
            "and set HF_TOKEN if the model needs permission"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise _unavailable(f"the Hugging Face hub refused {repository}: HTTP {status}") from error


@contextmanager
def report_growth(
    folder: Path, progress: Callable[[str], None], every_s: float = 10.0
) -> Iterator[None]:
    """Report the size of a folder while the block runs."""
    done = threading.Event()

    def report() -> None:
        while not done.wait(every_s):
            progress(f"fetching the model: {_size(folder) / 1e9:.2f} GB on disk so far")

    thread = threading.Thread(target=report, name="download-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _size(folder: Path) -> int:
    """Bytes in the files of a folder; files that vanish meanwhile are not counted."""
    total = 0
    for file in folder.glob("blobs/*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _unavailable(message: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, message)
