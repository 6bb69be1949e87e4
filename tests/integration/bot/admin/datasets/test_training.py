"""From the dashboard to an adapter: what is exported is what ``python -m training`` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import Client, send
from tests.support.datasets import build, contents, order_dataset
from tests.support.exporting import REASON, an_exporter, downloaded, transactions
from tests.support.judging import judge
from tests.support.models import llama3_tokenizer_dir, noise_llama_dir
from tests.support.sample_turns import add_turn
from tests.support.training import need_trl
from training.__main__ import main
from training.dataset import read_dataset
from training.records import Kind

__all__ = ["llama3_tokenizer_dir", "noise_llama_dir", "transactions"]


async def exported(
    client: Client, database: AsyncEngine, transactions: AsyncEngine, kind: Kind, place: Path
) -> Path:
    """The ZIP of a data set of corrected answers, as it is downloaded."""
    for number in range(24):
        turn = await add_turn(
            database, f"질문 {number}: \u2028 <|eot_id|>", f"답변 {number}", key=f"room-{number}"
        )
        await judge(database, turn, "bad", correction=f"고친 답변 {number}\n\n- 둘째 줄")
    address = await order_dataset(client, kind.value)
    await build(transactions)
    ordered = await send(client, f"{address}/export", reason=REASON)
    await an_exporter(transactions, place).export()
    path = place / "exported.zip"
    path.write_bytes(await downloaded(client, ordered.headers["Location"]))
    return path


@pytest.mark.parametrize("kind", list(Kind))
async def test_every_exported_item_is_learnt_from_or_held_out(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    kind: Kind,
) -> None:
    path = await exported(operator, database, transactions, kind, tmp_path)
    dataset = read_dataset(path, kind)
    by_id = {str(item["id"]): item for item in await contents(database)}
    taken = {record.id: record for record in (*dataset.train, *dataset.held_out)}
    assert taken.keys() <= by_id.keys()
    assert len(dataset.train) > 12
    for name, record in taken.items():
        item = by_id[name]
        whole = item["messages"] if kind is Kind.SFT else [*item["prompt"], *item["chosen"]]
        assert [m.content for m in record.prompt] == [m["content"] for m in whole[:-1]]
        assert record.answers[0] == whole[-1]["content"]
    assert "# 환불 v1" in dataset.card


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(600)
async def test_an_export_becomes_an_adapter_with_its_card(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    noise_llama_dir: Path,
) -> None:
    need_trl()
    path = await exported(operator, database, transactions, Kind.DPO, tmp_path)
    output = tmp_path / "adapter"
    words = ["dpo", "--data", str(path), "--base", str(noise_llama_dir), "--output", str(output)]
    words += ["--learning-rate", "0.01", "--epochs", "1", "--batch-size", "4"]
    assert main([*words, "--accumulation", "1"]) == 0
    record = json.loads((output / "training.json").read_text("utf-8"))
    assert record["counts"]["items trained on"] > 12
    assert "### 환불 v1" in (output / "README.md").read_text("utf-8")
