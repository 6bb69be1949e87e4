"""Exported data sets load unchanged in ``datasets``, and TRL trains on them as they are.

Opt-in: `make train-tests`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import Client, send
from tests.support.datasets import build, contents, order_dataset
from tests.support.exporting import REASON, an_exporter, downloaded, transactions
from tests.support.judging import judge
from tests.support.models import (
    llama3_tokenizer,
    llama3_tokenizer_dir,
    noise_llama_dir,
)
from tests.support.sample_turns import add_turn
from tests.support.training import need_trl

need_trl()
datasets = pytest.importorskip("datasets")

__all__ = ["llama3_tokenizer", "llama3_tokenizer_dir", "noise_llama_dir", "transactions"]

# What other packages warn of is not ours.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is fetched, and nothing kept."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


async def folder_of(
    client: Client, database: AsyncEngine, transactions: AsyncEngine, kind: str, place: Path
) -> Path:
    """The folder of a data set with forty items, as it is downloaded."""
    for number in range(40):
        turn = await add_turn(
            database, f"질문 {number}: \u2028 'ㄱ' \"ㄴ\"", f"답변 {number}", key=f"room-{number}"
        )
        await judge(database, turn, "bad", correction=f"고친 답변 {number}\n\n- 둘째 줄")
    address = await order_dataset(client, kind)
    await build(transactions)
    ordered = await send(client, f"{address}/export", reason=REASON)
    await an_exporter(transactions, place).export()
    data = await downloaded(client, ordered.headers["Location"])
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        packed.extractall(place / "folder")
    return place / "folder"


@pytest.mark.parametrize("kind", ["sft", "dpo"])
async def test_every_item_is_loaded_with_its_split(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    offline: None,
    kind: str,
) -> None:
    folder = await folder_of(operator, database, transactions, kind, tmp_path)
    loaded = datasets.load_dataset(str(folder))
    assert set(loaded) == {path.stem for path in folder.glob("*.jsonl")}
    rows = [row for split in loaded.values() for row in split]
    assert sorted(rows, key=lambda row: str(row["id"])) == await contents(database)


async def test_trl_trains_on_both_kinds_as_they_are(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    offline: None,
    noise_llama_dir: Path,
    llama3_tokenizer: Any,
) -> None:
    trl = pytest.importorskip("trl", reason="the package `trl` is not installed")
    llama3_tokenizer.pad_token = "<|end_of_text|>"
    for kind, trainer, config in (
        ("sft", trl.SFTTrainer, trl.SFTConfig),
        ("dpo", trl.DPOTrainer, trl.DPOConfig),
    ):
        place = tmp_path / kind
        place.mkdir()
        folder = await folder_of(operator, database, transactions, kind, place)
        arguments = config(
            output_dir=str(place / "out"), max_steps=1, per_device_train_batch_size=2,
            use_cpu=True, report_to=[], save_strategy="no", max_length=128,
        )  # fmt: skip
        trained = trainer(
            model=str(noise_llama_dir),
            args=arguments,
            train_dataset=datasets.load_dataset(str(folder), split="train"),
            processing_class=llama3_tokenizer,
        ).train()
        assert trained.training_loss > 0
