"""A preset loaded in this process answers as the worker's engine does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.records import Answer
from inference_queue.presets import PRESETS
from inference_queue.protocol import Message, Role
from inference_worker.prompt.chat_template import ChatTemplate
from tests.support.evaluation import write_lines


@pytest.mark.slow
def test_the_demo_model_gets_the_workers_prompt_and_its_answers_are_checked(
    tmp_path: Path, demo_dir: Path, demo_template: ChatTemplate
) -> None:
    asked = "What is the capital of France?"
    rows = [{"id": "france", "question": asked, "pattern": "Paris"}, {"question": "Say hello."}]
    questions = write_lines(tmp_path / "q.jsonl", rows)
    command = ["answer", "--questions", str(questions), "--engine", "demo", "--greedy"]
    command += ["--max-new-tokens", "12", "--data-dir", str(demo_dir.parent.parent)]
    assert main([*command, "--run", str(tmp_path / "run")]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert report["side"]["used"]["demo"] is True
    assert report["side"]["correct"] == 1
    assert report["side"]["tokens_per_second"] > 0
    lines = (tmp_path / "run" / "answers.jsonl").read_text("utf-8").splitlines()
    answers = {one.question: one for one in map(Answer.model_validate_json, lines)}
    system = Message(Role.SYSTEM, PRESETS["demo"].system_prompt)
    prompt = [system, Message(Role.USER, asked)]
    assert answers["france"].prompt_tokens == demo_template.count(prompt)
