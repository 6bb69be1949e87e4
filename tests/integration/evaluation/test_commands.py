"""The commands from the command line, with a real engine's and a real judge's HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import main
from evaluation.logickor import CARD, CATEGORIES
from evaluation.questions import file_sha256
from fakes.engine_server import EngineServer, engine_server, last_user_text
from fakes.judge import JudgeFault, JudgeServer, judge_server
from inference_queue.presets import PRESETS
from tests.support.evaluation import logickor_rows, write_lines


@pytest.fixture
async def engine() -> AsyncIterator[EngineServer]:
    async with engine_server() as server:
        yield server


@pytest.fixture
async def better() -> AsyncIterator[EngineServer]:
    async with engine_server(reply=careful) as server:
        yield server


def careful(messages: Any) -> str:
    """A longer answer, which the stand-in of the judge likes better."""
    about = last_user_text(messages)
    return f"{about} 주문하신 날의 다음 날 보내 드리고, 보통 이틀 안에 받으실 수 있어요."


@pytest.fixture
async def judge() -> AsyncIterator[JudgeServer]:
    async with judge_server() as server:
        yield server


async def run(*arguments: str) -> int:
    """The exit status of a command, beside the servers of this loop."""
    return await asyncio.to_thread(main, arguments)


def own_questions(tmp_path: Path, count: int = 12, **fields: Any) -> str:
    rows = [{"question": f"{number}번 상품은 언제 오나요?", **fields} for number in range(count)]
    return str(write_lines(tmp_path / "own.jsonl", rows))


def logickor(tmp_path: Path) -> tuple[str, ...]:
    """The command for questions of our own in LogicKor's form, which it has to be told."""
    path = write_lines(tmp_path / "logickor.jsonl", logickor_rows())
    return ("logickor", "--questions", str(path), "--sha256", file_sha256(path))


def report(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text("utf-8"))


async def test_logickor_reports_the_cards_table(
    engine: EngineServer,
    judge: JudgeServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    command = (*logickor(tmp_path), "--engine", engine.url, "--judge", judge.url)
    assert await run(*command, "--run", str(folder), "--language", "ko") == 0
    found = report(folder)
    assert [row["name"] for row in found["rows"]] == [*CATEGORIES, "single", "multi", "overall"]
    assert [row["judged"] for row in found["rows"]] == [14] * 6 + [42, 42, 84]
    assert {row["name"]: row["card"] for row in found["rows"]} == CARD
    said = capsys.readouterr().out
    assert "CC BY-SA 4.0" in said
    assert file_sha256(tmp_path / "logickor.jsonl") in said
    assert "42문항, 6분류에 7문항씩" in said
    assert "공개된 LogicKor와 다릅니다" in said
    assert found["is_published"] is False
    assert "| 싱글턴 |" in (folder / "report.ko.md").read_text("utf-8")
    assert len(engine.requests) == 84
    await run(*command, "--run", str(folder))
    assert len(engine.requests) == 84


async def test_the_second_turn_is_asked_as_production_asks_it(
    engine: EngineServer, tmp_path: Path
) -> None:
    folder = str(tmp_path / "run")
    await run(*logickor(tmp_path), "--engine", engine.url, "--run", folder)
    second = next(one for one in engine.requests if len(one.contents) == 4)
    preset = PRESETS["bllossom-8b"]
    assert second.roles == ["system", "user", "assistant", "user"]
    assert second.contents[0] == preset.system_prompt
    assert second.contents[2] == f"에코: {second.contents[1]}"
    assert second.body["temperature"] == preset.sampling.temperature
    assert second.body["max_tokens"] == preset.sampling.max_new_tokens


async def test_without_a_judge_the_checks_are_reported(
    engine: EngineServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = ("answer", "--questions", own_questions(tmp_path), "--engine", engine.url)
    assert await run(*command, "--run", str(folder)) == 0
    found = report(folder)
    assert (found["side"]["answers"], found["rows"]) == (12, [])
    assert found["side"]["hangul"] == 1
    assert "none: only the fixed checks" in capsys.readouterr().out


async def test_a_better_candidate_passes_the_gate(
    engine: EngineServer, better: EngineServer, judge: JudgeServer, tmp_path: Path
) -> None:
    sides = ("--baseline", engine.url, "--candidate", better.url)
    command = ("gate", "--questions", own_questions(tmp_path), *sides, "--judge", judge.url)
    assert await run(*command, "--run", str(tmp_path / "up")) == 0
    found = report(tmp_path / "up")
    assert (found["primary"], found["verdict"], found["judged"]) == ("judge", "better", 12)
    assert "후보가 더 낫습니다" in (tmp_path / "up" / "report.ko.md").read_text("utf-8")


async def test_a_worse_candidate_does_not_pass_the_gate(
    engine: EngineServer, better: EngineServer, judge: JudgeServer, tmp_path: Path
) -> None:
    questions = own_questions(tmp_path)
    for name, server in (("one", better), ("other", engine)):
        folder = str(tmp_path / name)
        await run("answer", "--questions", questions, "--engine", server.url, "--run", folder)
    runs = ("--baseline", str(tmp_path / "one"), "--candidate", str(tmp_path / "other"))
    assert await run("gate", *runs, "--judge", judge.url, "--run", str(tmp_path / "down")) == 1


async def test_the_same_run_twice_is_equal(
    engine: EngineServer, judge: JudgeServer, tmp_path: Path
) -> None:
    folder = str(tmp_path / "one")
    questions = own_questions(tmp_path)
    await run("answer", "--questions", questions, "--engine", engine.url, "--run", folder)
    command = ("gate", "--baseline", folder, "--candidate", folder, "--judge", judge.url)
    assert await run(*command, "--run", str(tmp_path / "same")) == 0
    assert report(tmp_path / "same")["verdict"] == "cannot_tell"


async def test_a_judge_with_a_liking_for_the_first_place_cannot_tell(
    engine: EngineServer, better: EngineServer, tmp_path: Path
) -> None:
    async with judge_server(score=lambda *_: 5, first_bonus=4) as judge:
        sides = ("--baseline", engine.url, "--candidate", better.url, "--judge", judge.url)
        command = ("compare", "--questions", own_questions(tmp_path), *sides)
        assert await run(*command, "--run", str(tmp_path / "run")) == 0
    found = report(tmp_path / "run")
    assert (found["verdict"], found["agreeing_orders"]) == ("cannot_tell", 0)


async def test_a_judge_that_is_down_leaves_the_gate_unmeasured_and_goes_on_later(
    engine: EngineServer,
    better: EngineServer,
    judge: JudgeServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sides = ("--baseline", engine.url, "--candidate", better.url, "--judge", judge.url)
    command = ("gate", "--questions", own_questions(tmp_path), *sides, "--at-once", "8")
    judge.always = JudgeFault.DROPPED
    assert await run(*command, "--run", str(tmp_path / "run")) == 3
    assert "start the same command again" in capsys.readouterr().err
    assert report(tmp_path / "run")["not_judged"] == {"pending": 12}
    judge.always = None
    assert await run(*command, "--run", str(tmp_path / "run")) == 0
    assert len(engine.requests) == 12


async def test_right_answers_are_no_word_of_a_judge_that_is_down(
    engine: EngineServer, better: EngineServer, judge: JudgeServer, tmp_path: Path
) -> None:
    questions, folder = own_questions(tmp_path, pattern="이틀 안에"), tmp_path / "run"
    sides = ("--baseline", engine.url, "--candidate", better.url, "--judge", judge.url)
    judge.always = JudgeFault.DROPPED
    assert await run("gate", "--questions", questions, *sides, "--run", str(folder)) == 3
    assert report(folder)["primary"] == "correct"
    said = (folder / "report.md").read_text("utf-8")
    assert "The judge has judged no pair: another measure decided." in said


async def test_right_answers_decide_where_nobody_judges(tmp_path: Path) -> None:
    questions = own_questions(tmp_path, pattern="^내일")
    async with (
        engine_server(reply=lambda _: "모르겠습니다.") as one,
        engine_server(reply=lambda _: "내일 옵니다.") as other,
    ):
        sides = ("--baseline", one.url, "--candidate", other.url)
        command = ("gate", "--questions", questions, *sides, "--run", str(tmp_path / "run"))
        assert await run(*command) == 0
    assert report(tmp_path / "run")["primary"] == "correct"


async def test_an_engine_that_dies_in_the_middle_is_a_sentence_and_the_run_goes_on(
    engine: EngineServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def reply(messages: Any) -> str:
        if len(engine.requests) == 6:
            engine.fails_with = (503, {"error": "out of order"})
        return f"답: {last_user_text(messages)}"

    engine.reply = reply
    command = ("answer", "--questions", own_questions(tmp_path), "--engine", engine.url)
    places = ("--run", str(tmp_path / "run"), "--at-once", "1", "--patience", "0.1")
    assert await run(*command, *places) == 3
    assert "answers are kept" in capsys.readouterr().err
    kept = (tmp_path / "run" / "answers.jsonl").read_text("utf-8").count("\n")
    assert 0 < kept < 12
    engine.fails_with, engine.reply = None, lambda _: "다시 왔어요."
    assert await run(*command, *places) == 0
    assert report(tmp_path / "run")["side"]["answers"] == 12


async def test_an_engine_that_refuses_everything_is_a_sentence_and_asked_again(
    engine: EngineServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("answer", "--questions", own_questions(tmp_path), "--engine", engine.url)
    places = ("--run", str(tmp_path / "run"), "--at-once", "1", "--patience", "0.1")
    engine.fails_with = (403, {"error": "no quota"})
    assert await run(*command, *places) == 3
    assert "cannot answer" in capsys.readouterr().err
    engine.fails_with = None
    assert await run(*command, *places) == 0
    assert report(tmp_path / "run")["side"]["answers"] == 12


async def test_a_killed_run_goes_on_at_the_first_unanswered_question(
    engine: EngineServer, tmp_path: Path
) -> None:
    arguments = ["answer", "--questions", own_questions(tmp_path), "--engine", engine.url]
    arguments += ["--run", str(tmp_path / "run"), "--at-once", "1"]
    engine.delay_per_token_s = 0.01
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "evaluation", *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    await engine.until(lambda server: server.finished >= 3, within_s=60)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    kept = (tmp_path / "run" / "answers.jsonl").read_bytes().count(b"\n")
    engine.delay_per_token_s, before = 0.0, len(engine.requests)
    assert await run(*arguments) == 0
    assert len(engine.requests) - before == 12 - kept
    assert kept >= 2


async def test_a_prompt_that_is_too_long_is_no_answer_and_no_zero(tmp_path: Path) -> None:
    rows = [{"question": "짧은 질문"}, {"question": "긴 질문 " * 3000}]
    questions = str(write_lines(tmp_path / "q.jsonl", rows))
    async with engine_server(max_prompt_tokens=200) as engine, judge_server() as judge:
        command = ("answer", "--questions", questions, "--engine", engine.url)
        judged = ("--judge", judge.url, "--run", str(tmp_path / "run"))
        assert await run(*command, *judged) == 0
    found = report(tmp_path / "run")
    answered = found["side"]["answers"]
    assert answered + sum(found["side"]["failures"].values()) == 2
    assert found["rows"][-1]["judged"] == answered


async def test_a_replay_is_judged_beside_the_votes(judge: JudgeServer, tmp_path: Path) -> None:
    rows = [
        {
            "replay": 3,
            "turn": f"turn-{number}",
            "question": f"{number}번 질문",
            "old_answer": "네.",
            "new_answer": f"네, {'자세히 ' * (number % 4)}알려 드릴게요.",
            "votes_old": int(number % 4 == 0),
            "votes_new": int(number % 4 > 0),
            "votes_tie": 0,
            "votes_both_bad": 0,
        }
        for number in range(16)
    ]
    replay = str(write_lines(tmp_path / "replay-3.jsonl", rows))
    command = ("compare", "--replay", replay, "--judge", judge.url)
    assert await run(*command, "--run", str(tmp_path / "run")) == 0
    found = report(tmp_path / "run")
    assert (found["verdict"], found["judged"]) == ("better", 16)
    assert found["agreement"]["pairs"] == 16
    assert found["agreement"]["same"] == 12
    assert found["replay"] == 3
    assert "카파" in (tmp_path / "run" / "report.ko.md").read_text("utf-8")


async def test_sides_are_called_by_their_names_instead_of_urls(
    engine: EngineServer, better: EngineServer, judge: JudgeServer, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    sides = ("--baseline", engine.url, "--candidate", better.url, "--judge", judge.url)
    command = ("compare", "--questions", own_questions(tmp_path), *sides, "--run", str(folder))
    assert await run(*command) == 0
    asked = len(engine.requests), len(better.requests)
    named = ("--baseline-name", "지금 모델", "--candidate-name", " 상담 2호|새 것 ")
    assert await run(*command, *named) == 0
    assert (len(engine.requests), len(better.requests)) == asked
    assert report(folder)["candidate"]["name"] == "상담 2호|새 것"
    assert "| 이름 | 기준: 지금 모델 | 후보: 상담 2호\\|새 것 |" in (
        folder / "report.ko.md"
    ).read_text("utf-8")


async def test_two_runs_of_different_questions_are_refused(
    engine: EngineServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, count in (("one", 3), ("other", 4)):
        questions = own_questions(tmp_path, count)
        folder = str(tmp_path / name)
        await run("answer", "--questions", questions, "--engine", engine.url, "--run", folder)
    runs = ("--baseline", str(tmp_path / "one"), "--candidate", str(tmp_path / "other"))
    assert await run("compare", *runs, "--run", str(tmp_path / "run")) == 3
    assert "asked different questions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--baseline", "demo"), "--candidate are needed"),
        (("--baseline", "demo", "--candidate", "demo"), "--questions is needed"),
        (("--replay", "none.jsonl"), "check --replay"),
        (("--replay", "none.jsonl", "--baseline", "demo"), "leave the others out"),
        (("--replay", "none.jsonl", "--trained-on", "train.jsonl"), "about --questions"),
        (("--baseline", "a", "--candidate", "b", "--sha256", "0"), "about --questions"),
    ],
)
async def test_a_mistyped_comparison_is_a_sentence(
    tmp_path: Path,
    arguments: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await run("compare", *arguments, "--run", str(tmp_path / "run")) == 3
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("gate", "--tolerance", "-1"),
        ("gate", "--judge"),
        ("gate", "--baseline-name", "\x07"),
        ("logickor", "--questions", "q.jsonl", "--engine", "demo", "--trained-on", "t.jsonl"),
    ],
)
def test_a_mistyped_command_does_not_look_like_an_outcome(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 3


def test_a_fault_does_not_look_like_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("evaluation.__main__.read_questions", broken)
    questions = own_questions(tmp_path)
    assert main(["gate", "--questions", questions, "--baseline", "a", "--candidate", "b"]) == 3


async def test_an_engine_that_is_not_there_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("answer", "--questions", own_questions(tmp_path), "--run", str(tmp_path / "run"))
    assert await run(*command, "--engine", "http://user:secret@127.0.0.1:9/v1?key=secret") == 3
    error = capsys.readouterr().err
    assert "cannot be used" in error
    assert "secret" not in error


async def test_the_adapters_of_one_server_are_compared_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"question": f"{n}번", "answer": f"[lora-2] 에코: {n}번"} for n in range(6)]
    questions = str(write_lines(tmp_path / "own.jsonl", rows))
    async with engine_server(adapters=("lora-1", "lora-2")) as server:
        sides = ("--baseline", f"{server.url}+lora-1", "--candidate", f"{server.url}+lora-2")
        folder = tmp_path / "run"
        status = await run("compare", "--questions", questions, *sides, "--run", str(folder))
        assert status == 0, capsys.readouterr().err
        used = [request.body["model"] for request in server.requests]
        assert (used.count("lora-1"), used.count("lora-2")) == (6, 6)
        assert "lora-2" in (folder / "report.md").read_text("utf-8")
        gone = ("answer", "--questions", questions, "--engine", f"{server.url}+lora-9")
        assert await run(*gone, "--run", str(tmp_path / "gone")) == 3
    assert "has no adapter lora-9; it has none" in capsys.readouterr().err
