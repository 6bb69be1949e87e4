"""Steps at fixed shapes, and CUDA graphs of them.

Starting the kernels of a step takes the CPU longer than a GPU needs to compute them. A graph starts
them all at once, but only for one shape, and for the storage that it was captured with.
"""

from __future__ import annotations

import contextlib
import warnings
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from torch import Tensor

from inference_worker.engines.local.step_inputs import (
    SPANS,
    Shape,
    Work,
    exact_shape,
    fixed_shape,
    pack,
)
from inference_worker.engines.local.transfer import to_device

log = structlog.get_logger(__name__)

#: A shape is captured when it comes for this time: most shapes of mixed steps come once.
CAPTURED_AT = 3
#: Graphs that are kept at most; the least recently used makes room.
MAX_GRAPHS = 32


@dataclass(frozen=True, slots=True)
class _Captured:
    """A graph, and where it reads its vector; its logits go to the buffer of all graphs.

    ``pinned`` is where the CPU puts the vector, once the one before has been ``read``: a step that
    chooses no token has been waited for by nobody.
    """

    graph: torch.cuda.CUDAGraph
    vector: Tensor
    pinned: Tensor
    read: torch.cuda.Event

    def replay(self, numbers: list[int]) -> None:
        """Compute the step of this packed vector."""
        self.read.synchronize()
        self.pinned.numpy()[:] = array("q", numbers)
        self.vector.copy_(self.pinned, non_blocking=True)
        self.read.record(torch.cuda.current_stream(self.vector.device))
        self.graph.replay()


class StepGraphs:
    """Computes the logits of steps, (outcomes, vocabulary). Belongs to one thread.

    ``compute`` does it for a packed vector and its shape; ``generation`` is a number that changes
    when a storage that ``compute`` uses does. Without a GPU the shapes are fixed too, but nothing
    is captured.
    """

    def __init__(
        self,
        compute: Callable[[Tensor, Shape], Tensor],
        generation: Callable[[], int],
        *,
        device: torch.device,
        max_rows: int,
    ) -> None:
        self._compute = compute
        self._generation = generation
        self._device = device
        self._max_rows = max_rows
        self._captures = device.type == "cuda"
        self._captured_for = generation()
        self._graphs: OrderedDict[Shape, _Captured] = OrderedDict()
        self._uses: Counter[Shape] = Counter()
        self._logits: Tensor | None = None  # of every graph: each step's are read before the next
        self._stream: torch.cuda.Stream | None = None
        self._pool: Any = None

    def __len__(self) -> int:
        return len(self._graphs)

    def logits(self, work: Work) -> Tensor:
        """Those of the newest tokens and of the chunks' last ones, and then what padding left."""
        shape = fixed_shape(work, self._max_rows)
        if shape is None or not (self._captures or self._device.type == "cpu"):
            return self._exactly(work)
        if not self._captures:
            return self._compute(self._vector(work, shape), shape)
        self._drop_stale()
        if (captured := self._graphs.get(shape)) is None:
            return self._prepare(work, shape)
        self._graphs.move_to_end(shape)
        captured.replay(pack(work, shape))
        if self._logits is None:
            raise RuntimeError("a graph has been captured without its buffer")
        return self._logits[: shape.outcomes]

    def drop(self) -> None:
        """Give the graphs' memory back."""
        self._graphs.clear()
        self._uses.clear()
        self._pool = self._logits = None

    def _vector(self, work: Work, shape: Shape) -> Tensor:
        return to_device(pack(work, shape), self._device)

    def _exactly(self, work: Work) -> Tensor:
        shape = exact_shape(work)
        return self._compute(self._vector(work, shape), shape)

    def _drop_stale(self) -> None:
        if self._captured_for != self._generation():
            self.drop()
            self._captured_for = self._generation()

    def _prepare(self, work: Work, shape: Shape) -> Tensor:
        """The step without a graph; captures one for the next where the shape comes often."""
        self._uses[shape] += 1
        if self._uses[shape] < CAPTURED_AT:
            return self._exactly(work)
        try:
            return self._capture(work, shape)
        except Exception as error:  # noqa: BLE001 - whatever it was, without graphs it goes on
            log.warning("graphs_off", error=type(error).__name__, reason=str(error)[:200])
            self._captures = False
            self.drop()
            return self._exactly(work)

    def _capture(self, work: Work, shape: Shape) -> Tensor:
        vector = self._vector(work, shape)
        with torch.cuda.device(self._device), _same_stream_after():
            if self._stream is None:
                self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            logits = self._rehearsed(vector, shape, self._stream)
            buffer = self._buffer(logits)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                buffer[: shape.outcomes].copy_(self._compute(vector, shape))
        while len(self._graphs) >= MAX_GRAPHS:
            self._graphs.popitem(last=False)
        pinned = torch.empty_like(vector, device="cpu", pin_memory=True)
        read = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._graphs[shape] = _Captured(graph, vector, pinned, read)
        return logits

    def _rehearsed(self, vector: Tensor, shape: Shape, stream: torch.cuda.Stream) -> Tensor:
        """The step itself, so that the capture finds all that a first time allocates.

        Raises RuntimeError for a model that waits for the GPU in the middle of a step, which no
        graph can do.
        """
        usual = torch.cuda.current_stream()
        stream.wait_stream(usual)
        with torch.cuda.stream(stream), _waiting_is_an_error():
            logits = self._compute(vector, shape)
        usual.wait_stream(stream)
        logits.record_stream(usual)
        return logits

    def _buffer(self, logits: Tensor) -> Tensor:
        if self._logits is None:
            outcomes = Shape(self._max_rows, 1, SPANS).outcomes
            self._logits = logits.new_empty(outcomes, logits.shape[1])
        return self._logits


@contextlib.contextmanager
def _same_stream_after() -> Iterator[None]:
    """A capture that fails leaves its own stream as the current one."""
    usual = torch.cuda.current_stream()
    try:
        yield
    finally:
        torch.cuda.set_stream(usual)


@contextlib.contextmanager
def _waiting_is_an_error() -> Iterator[None]:
    usual = torch.cuda.get_sync_debug_mode()
    warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(usual)
