"""What the documents compute, quote and translate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.domain.messenger import COMMAND_WORDS
from inference_queue.presets import PRESETS
from inference_worker.settings import WorkerSettings

ROOT = Path(__file__).parents[3]
GIB = 2**30
#: Llama-3-8B: layers, heads of keys and values, their size, and bytes in bfloat16.
LAYERS, KV_HEADS, HEAD_SIZE, BFLOAT16 = 32, 8, 128, 2
KV_BYTES = 2 * LAYERS * KV_HEADS * HEAD_SIZE * BFLOAT16
PARAMETERS = 8.03e9
#: GB/s of the cards named, by their makers.
BANDWIDTH = {"L4": 300, "RTX 4090": 1008, "L40S": 864, "A100": 2039, "H100": 3350}
WINDOW = PRESETS["bllossom-8b"].context_window
TWINS = [
    (f"{name}.md", f"{name}.ko.md")
    for name in (
        "kakao", "slack", "generic", "operations", "training", "evaluation", "bot-settings"
    )
]  # fmt: skip
#: What differs between two languages: comments, and the words to be replaced.
WORDS = re.compile(
    r"\s+# .*$|^-- .*$|(?<=--note )\".*\"|만든값|복사한값|YOUR-SECRET|COPIED-SECRET|/도움말|/help",
    re.MULTILINE,
)


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def table(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose header begins with ``first``."""
    rows = text.split(f"| {first}", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


def test_the_hardware_table_is_the_arithmetic() -> None:
    rows = table(page("README.md"), "GPU (computed)")
    assert len(rows) == 4
    assert KV_BYTES == 128 * 1024
    assert "128 KiB" in page("README.md")
    for card, weights, tokens, full, short, _ in rows:
        memory = int(re.findall(r"(\d+) GB", card)[0])
        quantised = re.findall(r"([\d.]+) GiB", weights)
        model = float(quantised[0]) if quantised else PARAMETERS * BFLOAT16 / GIB
        computed = (memory - model - 1) * 0.85 * GIB / KV_BYTES
        assert abs(number(tokens) - computed) <= 500, card
        assert number(full) == int(computed // WINDOW), card
        assert number(short) == int(computed // 2000), card


def test_the_speeds_are_the_bound_of_the_bandwidth() -> None:
    for card, _, _, _, _, speed in table(page("README.md"), "GPU (computed)"):
        named = re.findall(r"\(([^)]+)\)", card)
        cards = named[0].split(", ") if named else []
        bounds = [round(BANDWIDTH[name] * 1e9 / (PARAMETERS * BFLOAT16)) for name in cards]
        assert re.findall(r"\d+", speed) == [str(bound) for bound in bounds], card


@pytest.mark.parametrize("card", ["RTX 4090", "L4"])
def test_seconds_and_answers_a_minute_follow_from_the_bound(card: str) -> None:
    readme = " ".join(page("README.md").split())
    [answer] = re.findall(r"Take (\d+) tokens for an answer", readme)
    [slots] = re.findall(r"`WORKER_SLOTS` \((\d+)\)", readme)
    assert int(slots) == WorkerSettings.model_fields["slots"].default
    rate = BANDWIDTH[card] * 1e9 / (PARAMETERS * BFLOAT16)
    [seconds] = re.findall(rf"an {card} (?:writes one )?in (\d+) s", readme)
    assert int(seconds) == round(int(answer) / rate)
    [per_minute] = re.findall(rf"(\d+) (?:a minute )?on an {card}", readme)
    assert abs(int(per_minute) - int(slots) * rate * 60 / int(answer)) < 1


def test_the_readme_says_that_no_gpu_run_is_recorded() -> None:
    recorded = "no GPU could be had" not in page("benchmarks/RESULTS.md")
    assert recorded != ("No GPU run of Bllossom has been recorded" in page("README.md"))


def test_the_trouble_table_names_what_the_programs_say() -> None:
    sources = "".join(
        path.read_text("utf-8")
        for folder in ("bot", "inference_worker", "runtime")
        for path in (ROOT / folder).rglob("*.py")
    )
    guides = page("docs/kakao.ko.md") + page("docs/slack.ko.md")
    rows = table(page("README.md"), "what you see")
    assert len(rows) == 10
    for seen, *_ in rows:
        for quoted in re.findall(r"`([a-z_]+)`", seen):
            assert quoted in sources or quoted in guides, quoted


@pytest.mark.parametrize("guide", ["kakao.md", "kakao.ko.md", "slack.md", "slack.ko.md"])
def test_the_guide_names_every_command_word(guide: str) -> None:
    named = set(re.findall(r"`(?:/bllossom )?/?([^`\n]+)`", page(f"docs/{guide}")))
    assert named >= COMMAND_WORDS.keys()


def blocks(name: str) -> list[tuple[str, str]]:
    """The code blocks without comments, pictures and secrets' placeholders."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```", page(name), re.DOTALL | re.MULTILINE)
    return [
        (info, WORDS.sub("", code))
        for info, code in found
        if info != "mermaid" and "cloudflared" not in code
    ]


@pytest.mark.parametrize("twins", TWINS, ids=lambda twins: twins[0])
def test_both_languages_give_the_same_commands(twins: tuple[str, str]) -> None:
    english, korean = (blocks(f"docs/{name}") for name in twins)
    assert english
    assert english == korean


@pytest.mark.parametrize("name", ["training", "evaluation", "bot-settings"])
def test_tables_of_both_languages_begin_their_rows_with_the_same_words_in_code(name: str) -> None:
    english, korean = (
        re.findall(r"^\| [^|]*?(`[\w.-]+)", page(f"docs/{name}{end}"), re.MULTILINE)
        for end in (".md", ".ko.md")
    )
    assert english
    assert english == korean


@pytest.mark.parametrize("twins", TWINS, ids=lambda twins: twins[0])
def test_both_languages_have_the_same_steps(twins: tuple[str, str]) -> None:
    english, korean = (
        re.findall(r"^## (\d+)\.", page(f"docs/{name}"), re.MULTILINE) for name in twins
    )
    assert english == korean


def test_both_operations_guides_hold_the_same_things() -> None:
    english, korean = page("docs/operations.md"), page("docs/operations.ko.md")
    assert english.count("\n## ") == korean.count("\n## ")
    for pattern in (r"^\s+(\S+ --> \S+?):?(?: |$)", r"^\| (?:worker: )?(`[^|]+`)", r"^\| (\d+) \|"):
        assert re.findall(pattern, english, re.MULTILINE), pattern
        assert named(english, pattern) == named(korean, pattern)
    names = r"\b(?:BOT|WORKER)_[A-Z0-9_]+"
    assert set(re.findall(names, english)) == set(re.findall(names, korean))


def named(text: str, pattern: str) -> list[list[str]]:
    """The words in code of what a pattern finds, else what it finds."""
    found = re.findall(pattern, text, re.MULTILINE)
    return [re.findall(r"`([^`]+)`", cell) or [cell] for cell in found]


def test_the_readme_s_commands_are_those_that_are_tested() -> None:
    tested = [block for block in blocks("docs/operations.md") if block[0].startswith("bash ")]
    shown = [block for block in blocks("README.md") if block[0].startswith("bash ")]
    assert len(shown) == 2
    assert all(block in tested for block in shown)
