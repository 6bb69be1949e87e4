"""What others wrote, against the endpoint: the `openai` client and lm-evaluation-harness.

Their packages are the extra `evaluate`, which `make evaluate-tests` installs. `make test` skips
these even where they are there: it stays as quick as before.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference_worker.engines.local.engine import LocalEngine
from tests.support.api import CHAT, KEY, PLAIN, ApiEndpoint, api_endpoint

TASKS = Path(__file__).parents[3] / "evaluation_task"


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        os.environ.get("EVALUATE_TESTS") != "1" or importlib.util.find_spec(package) is None,
        reason=f"needs {package}: `make evaluate-tests` installs it and runs this",
    )


@pytest.fixture
async def endpoint(demo_engine: LocalEngine) -> AsyncIterator[ApiEndpoint]:
    async with api_endpoint(demo_engine, keys=(KEY,)) as endpoint:
        yield endpoint


@pytest.fixture
async def client(endpoint: ApiEndpoint) -> AsyncIterator[Any]:
    openai = pytest.importorskip("openai")
    async with openai.AsyncOpenAI(
        base_url=f"{endpoint.url}/v1", api_key=KEY, max_retries=0
    ) as client:
        yield client


ASKED: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 12}


@needs("openai")
async def test_the_openai_client_gets_a_chat_whole_and_streamed(
    client: Any, endpoint: ApiEndpoint
) -> None:
    models = [model.id async for model in await client.models.list()]
    assert models == [endpoint.model]
    whole = await client.chat.completions.create(model=models[0], messages=ASKED, **GREEDY)
    assert whole.choices[0].message.content == "The capital of France is Paris."
    assert whole.choices[0].finish_reason == "stop"
    stream = await client.chat.completions.create(
        model=models[0],
        messages=ASKED,
        stream=True,
        stream_options={"include_usage": True},
        **GREEDY,
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


@needs("openai")
async def test_the_openai_client_gets_a_plain_completion(
    client: Any, endpoint: ApiEndpoint
) -> None:
    answer = await client.completions.create(
        model=endpoint.model, prompt="Seoul is the capital of", **GREEDY
    )
    assert answer.choices[0].text
    assert answer.usage.completion_tokens <= 12


@needs("openai")
async def test_the_openai_client_reads_errors_by_their_kind(
    client: Any, endpoint: ApiEndpoint
) -> None:
    import openai

    create = client.chat.completions.create
    with pytest.raises(openai.NotFoundError, match="does not serve"):
        await create(model="gpt-4o", messages=ASKED)
    with pytest.raises(openai.BadRequestError, match="8192"):
        await create(model=endpoint.model, messages=ASKED, max_tokens=10**9)
    with pytest.raises(openai.AuthenticationError, match="WORKER_API_SECRETS"):
        await client.with_options(api_key="foreign").models.list()


async def run_lm_eval(
    endpoint: ApiEndpoint, model: str, task: str, into: Path, *more: str
) -> tuple[int, str, Any]:
    """Exit status, output and results of the harness on a task of tests/evaluation_task."""
    route = CHAT if "chat" in model else PLAIN
    arguments = ",".join(
        (
            f"model={endpoint.model},base_url={endpoint.url}{route},num_concurrent=2,max_retries=1",
            *more,
        )
    )
    environment = {
        **os.environ,
        "OPENAI_API_KEY": KEY,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(into / "hf"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "lm_eval", "--model", model, "--model_args", arguments),
        *("--include_path", ".", "--tasks", task, "--output_path", str(into / "out")),
        *("--batch_size", "4", "--log_samples"),
        *(["--apply_chat_template"] if "chat" in model else []),
        cwd=TASKS,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    written = list((into / "out").rglob("results_*.json"))
    results = json.loads(written[0].read_text("utf-8"))["results"][task] if written else {}
    return process.returncode or 0, output.decode(), results


@needs("lm_eval")
@needs("tenacity")
@pytest.mark.timeout(300)
async def test_lm_evaluation_harness_scores_a_task_by_chat(
    endpoint: ApiEndpoint, tmp_path: Path
) -> None:
    status, output, results = await run_lm_eval(
        endpoint, "local-chat-completions", "capitals", tmp_path
    )
    assert status == 0, output
    assert results["exact_match,city"] >= 0.5, output


@needs("lm_eval")
@needs("tenacity")
@pytest.mark.timeout(300)
async def test_lm_evaluation_harness_chooses_by_likelihood_as_transformers_does(
    endpoint: ApiEndpoint, demo_dir: Path, tmp_path: Path
) -> None:
    """Each choice of each question has the likelihood that transformers computes for it."""
    status, output, results = await run_lm_eval(
        endpoint,
        "local-completions",
        "korean_facts",
        tmp_path,
        f"tokenizer={demo_dir}",
        "tokenizer_backend=huggingface",
    )
    assert status == 0, output
    assert 0 <= results["acc,none"] <= 1
    [samples] = (tmp_path / "out").rglob("samples_korean_facts_*.jsonl")
    asked = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    assert len(asked) == 6
    tokenizer = AutoTokenizer.from_pretrained(demo_dir)
    model = AutoModelForCausalLM.from_pretrained(demo_dir, dtype=torch.float32)
    for one in asked:
        for [got, is_greedy], arguments in zip(
            one["filtered_resps"], one["arguments"].values(), strict=True
        ):
            context, choice = arguments["arg_0"], arguments["arg_1"]
            expected, expected_greedy = likelihood(model, tokenizer, context, choice)
            assert float(got) == pytest.approx(expected, abs=0.01)
            assert (is_greedy in (True, "True")) is expected_greedy


@torch.inference_mode()
def likelihood(model: Any, tokenizer: Any, context: str, choice: str) -> tuple[float, bool]:
    """The log-likelihood of a text behind another, and whether greedy writing gives it."""
    before = tokenizer(context)["input_ids"]
    ids = tokenizer(context + choice)["input_ids"]
    scores = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)[:-1]
    after = torch.tensor(ids[1:])
    own = scores.gather(1, after[:, None])[:, 0][len(before) - 1 :]
    return float(own.sum()), bool((scores.argmax(-1) == after)[len(before) - 1 :].all())
