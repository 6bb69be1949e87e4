"""Steps with joined products, as a GPU computes them, against the same through transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from structlog.testing import capture_logs
from torch.utils import cpp_extension

from inference_worker.engines.local import step_choice
from inference_worker.engines.local.cuda import attention
from inference_worker.engines.local.cuda.attention import CudaAttention
from inference_worker.engines.local.cuda.elementwise import CudaElementwise
from inference_worker.engines.local.cuda.kernels import without_toolkit
from inference_worker.engines.local.cuda.scores import CudaScores
from inference_worker.engines.local.elementwise import TorchElementwise
from inference_worker.engines.local.heads import Heads
from inference_worker.engines.local.joined_step import JoinedStep
from inference_worker.engines.local.kv_cache import ATTENTION, RowCache
from inference_worker.engines.local.ragged import RaggedPlan, Sequences, gathered
from inference_worker.engines.local.step_choice import Step, joined_step_for
from inference_worker.engines.local.step_inputs import Chunk, Work, exact_shape, pack, unpack
from tests.integration.inference_worker.engines.local.test_llama_step import (
    LLAMA_3,
    OTHER_MODELS,
    llama,
)

Tensors = tuple[torch.Tensor, RaggedPlan, torch.Tensor]


def packed_step(work: Work) -> Tensors:
    shape = exact_shape(work)
    return unpack(torch.tensor(pack(work, shape)), shape, gathered)


def single_tokens() -> Tensors:
    return packed_step(Work([5, 9, 200], [10, 4, 10], []))


def chunks() -> Tensors:
    return packed_step(Work([], [], [Chunk(0, 0, [7, 8, 9]), Chunk(2, 10, [4, 4])]))


def mixed() -> Tensors:
    return packed_step(Work([5, 9], [10, 3], [Chunk(2, 10, [1, 2, 3, 4]), Chunk(3, 0, [6])]))


def step_of(model: Any) -> Step:
    step = joined_step_for(model, gathered)
    assert isinstance(step, JoinedStep)
    return step


def a_cache(size: int, dtype: torch.dtype) -> RowCache:
    cache = RowCache(3)
    cache.resize(4, 32)
    chance = torch.Generator().manual_seed(2)
    before = [torch.randn(2, 10, size, generator=chance).to(dtype) for _ in range(6)]
    for row in range(4):
        cache.write(row, before, 10)
    return cache


@torch.inference_mode()
def through_transformers(model: Any, given: Tensors, cache: RowCache) -> torch.Tensor:
    ids, plan, last = given
    cache.plan = plan
    logits: torch.Tensor = model(
        ids, position_ids=plan.places[1:], use_cache=True, cache=cache, plan=plan
    ).logits[0, last]
    return logits


@pytest.mark.parametrize("given", [single_tokens, chunks, mixed])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    "others",
    [{}, {"tie_word_embeddings": True}, {"rope_parameters": LLAMA_3}, {"head_dim": 16}],
    ids=["plain", "one matrix for both ends", "positions of Llama 3", "other heads"],
)
def test_logits_and_memory_are_those_of_transformers(
    others: dict[str, Any], dtype: torch.dtype, given: Callable[[], Tensors]
) -> None:
    model = llama(**others).to(dtype)
    ours, theirs = (a_cache(others.get("head_dim", 8), dtype) for _ in range(2))
    ids, plan, last = given()
    exact = through_transformers(model, (ids, plan, last), theirs)
    found = step_of(model)(ids, plan, last, ours)
    near = 1e-4 if dtype == torch.float32 else 0.1
    torch.testing.assert_close(found, exact, rtol=near, atol=near)
    for row in range(4):
        for one, other in zip(ours.read(row, 14), theirs.read(row, 14), strict=True):
            torch.testing.assert_close(one, other, rtol=near, atol=near)


def test_the_model_shares_the_joined_weights_and_computes_as_before() -> None:
    model = llama()
    given = mixed()
    before = through_transformers(model, given, a_cache(8, torch.float32))
    step_of(model)
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        for joined in (
            (attention.q_proj, attention.k_proj, attention.v_proj),
            (mlp.gate_proj, mlp.up_proj),
        ):
            assert len({one.weight.untyped_storage().data_ptr() for one in joined}) == 1
    after = through_transformers(model, given, a_cache(8, torch.float32))
    assert torch.equal(before, after)


def test_a_second_batch_of_the_same_model_computes_the_same() -> None:
    model = llama()
    ids, plan, last = mixed()
    first, second = (step_of(model)(ids, plan, last, a_cache(8, torch.float32)) for _ in range(2))
    assert torch.equal(first, second)


DOUBLES: dict[str, Callable[[], Any]] = {"float64": lambda: llama().to(torch.float64)}


@pytest.mark.parametrize("name", [*OTHER_MODELS, *DOUBLES])
def test_other_models_go_through_transformers(name: str) -> None:
    model = (OTHER_MODELS | DOUBLES)[name]()
    model.set_attn_implementation(ATTENTION)
    assert joined_step_for(model, gathered) is None


@pytest.mark.parametrize("operation", ["sum_and_norm", "turn_and_store", "gate"])
def test_an_operation_that_fails_or_computes_otherwise_is_left_out(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    right = getattr(TorchElementwise, operation)

    def wrong(self: Any, *given: Any) -> Any:
        found = right(self, *given)
        return (found[0], -found[1]) if isinstance(found, tuple) else -found

    def failing(self: Any, *given: Any) -> Any:
        raise RuntimeError("no such kernel")

    for other, reason in ((wrong, "other logits"), (failing, "RuntimeError")):
        monkeypatch.setattr(TorchElementwise, operation, other)
        with capture_logs() as lines:
            assert joined_step_for(llama(), gathered) is None
        assert [(line["event"], line["error"]) for line in lines] == [("joined_steps_off", reason)]


KERNELS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "step_kernels_off": ("CudaElementwise", lambda model: joined_step_for(model, gathered)),
    "row_copy_kernels_off": ("CudaRowCopies", step_choice.row_copies_for),
    "score_kernels_off": ("CudaScores", step_choice.score_for),
}


@pytest.mark.parametrize(("line", "kernels", "choose"), [(k, *v) for k, v in KERNELS.items()])
def test_kernels_that_do_not_compile_say_which_they_are(
    monkeypatch: pytest.MonkeyPatch, line: str, kernels: str, choose: Callable[[Any], object]
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(step_choice, "_is_half_on_gpu", lambda _: True)
    monkeypatch.setattr(step_choice, kernels, failing)
    with capture_logs() as lines:
        choose(llama())
    assert [(one["event"], one["reason"]) for one in lines] == [(line, "no compiler")]


@pytest.mark.parametrize(
    ("heads", "sizes"),
    [
        (Heads(4, 2, 16), (60, 128)),
        (Heads(4, 2, 16), (64, 100)),
        (Heads(4, 2, 15), (64, 128)),
    ],
)
def test_kernels_refuse_sizes_that_they_cannot_compute(
    heads: Heads, sizes: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        CudaElementwise(heads, 1e-5, sizes=sizes, like=torch.empty(0))


def test_kernels_of_other_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no kernels for torch\.float32"):
        CudaScores(torch.empty(0))


def test_headers_are_not_asked_for_on_a_machine_without_a_toolkit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cpp_extension, "CUDA_HOME", None)
    with pytest.raises(OSError, match="CUDA_HOME"):
        cpp_extension.include_paths("cuda")
    with without_toolkit():
        assert cpp_extension.include_paths("cuda")
    assert cpp_extension.CUDA_HOME is None


@pytest.mark.parametrize(
    ("queries", "keys", "others"),
    [
        ((4, 64), (2, 64), {}),
        ((6, 64), (2, 64), {"by": "flash"}),
        ((4, 64), (4, 64), {"by": "flash"}),
        ((4, 128), (2, 128), {"by": "flash"}),
        ((4, 64), (2, 64), {"by": "flash", "longest": 3}),
        ((4, 64), (2, 64), {"by": "flash", "window": 9}),
        ((4, 64), (2, 64), {"by": "flash", "dtype": torch.float16}),
    ],
)
def test_only_single_tokens_of_the_kernel_s_own_heads_go_through_it(
    monkeypatch: pytest.MonkeyPatch,
    queries: tuple[int, int],
    keys: tuple[int, int],
    others: dict[str, Any],
) -> None:
    called: list[str] = []

    def compiled(_source: str, names: tuple[str, ...], _like: torch.Tensor, **_: int) -> list[Any]:
        return [lambda *_, name=name: called.append(name) for name in names]

    def flash(query: torch.Tensor, *_: Any) -> torch.Tensor:
        called.append("flash")
        return query

    monkeypatch.setattr(attention, "compiled", compiled)
    monkeypatch.setattr(attention, "flash", flash)
    like = torch.empty(0, dtype=torch.bfloat16)
    kernel = CudaAttention(4, 2, 64, like)
    dtype = others.get("dtype", torch.bfloat16)
    one = torch.zeros(3, *queries, dtype=dtype)
    stored = torch.zeros(5, keys[0], 256, keys[1], dtype=dtype)
    number = torch.arange(3, dtype=torch.int32)
    sequences = Sequences(number, number, number, others.get("longest", 1))
    kernel(one, stored, stored, sequences, None, others.get("window"))
    assert called[0] == others.get("by", "attend")
