"""The documentation is true of the code: settings, paths, commands, routes, metrics, states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from prometheus_client import REGISTRY
from pydantic import SecretStr
from pydantic_settings import BaseSettings

import bot.observability.metrics
from bot.__main__ import COMMANDS
from bot.app import create_app
from bot.configuration import settings_blocks
from bot.domain.deliveries import DeliveryState, DeliveryVia
from bot.domain.turns import TurnStatus
from bot.messengers.slack.installing.scopes import SCOPE_NAMES
from inference_worker.settings import WorkerSettings
from tests.support.stack import SLACK_OAUTH, settings_for

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text("utf-8")
SETTINGS = (ROOT / "docs/settings.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
PREFIXES: dict[type[BaseSettings], str] = {
    **{block: prefix for prefix, block in settings_blocks().items()},
    WorkerSettings: "WORKER_",
}
KNOWN = {p + name.upper() for kind, p in PREFIXES.items() for name in kind.model_fields}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def shown(default: object) -> str:
    """A default as the tables write it."""
    plain = default.get_secret_value() if isinstance(default, SecretStr) else default
    if isinstance(plain, bool):
        plain = str(plain).lower()
    if isinstance(plain, float):
        plain = f"{plain:g}"
    if isinstance(plain, tuple):
        plain = ",".join(plain)
    return f"`{plain}`" if str(plain) else "–"


@pytest.mark.parametrize("kind", PREFIXES, ids=lambda kind: kind.__name__)
def test_the_tables_hold_every_setting_with_its_default(kind: type[BaseSettings]) -> None:
    prefix = PREFIXES[kind]
    rows = [
        row
        for row in re.findall(rf"^\| `({prefix}\w+)` \| (\S+) \| \S.* \|$", SETTINGS, re.MULTILINE)
        if max((p for p in PREFIXES.values() if row[0].startswith(p)), key=len) == prefix
    ]
    expected = {prefix + n.upper(): shown(f.default) for n, f in kind.model_fields.items()}
    assert dict(rows) == expected
    assert len(rows) == len(expected)


@every_page
def test_every_setting_named_exists(page: Path) -> None:
    named = set(re.findall(r"\b(?:BOT|WORKER)_[A-Z][A-Z0-9_]*[A-Z0-9]\b", page.read_text("utf-8")))
    assert named <= KNOWN


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if not re.match(r"https?://", target):
            assert (page.parent / target).exists(), target


@every_page
def test_every_anchor_is_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8")):
        if not re.match(r"https?://", target):
            other = page.parent / target if target else page
            assert anchor in anchors(other), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_path_named_exists(page: Path) -> None:
    folders = "benchmarks|bot|chaos|docker|docs|fakes|inference_queue|inference_worker|migrations"
    folders += "|onebox|runtime|tests|training"
    for path in re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text("utf-8")):
        assert (ROOT / path).exists(), path


def test_the_tree_is_the_tree() -> None:
    block = CONTRIBUTING.split("### The tree", 1)[1].split("```")[1]
    paths = [line.split()[0] for line in block.strip().splitlines()]
    assert len(paths) > 15
    for path in paths:
        assert (ROOT / path).exists(), path
        assert (ROOT / path).is_dir() == path.endswith("/"), path


@every_page
def test_every_command_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([\w-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for command in re.findall(r"python -m bot ([\w-]+)", text):
        assert command in {*COMMANDS, "doctor"}
    for module in re.findall(r"python -m ((?:inference_worker|training)[\w.]*)", text):
        path = ROOT / module.rstrip(".").replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.fixture(scope="module")
def routes() -> set[str]:
    app: web.Application = create_app(
        settings_for(
            "postgresql://nobody@127.0.0.1:1/none",
            "redis://127.0.0.1:1",
            simulator=True,
            **SLACK_OAUTH,
        )
    )
    return {r.resource.canonical for r in app.router.routes() if r.resource} | {"/webhooks/..."}


@every_page
def test_every_route_named_exists(page: Path, routes: set[str]) -> None:
    text = page.read_text("utf-8")
    named = set(
        re.findall(r"(?<![\w.])(/(?:webhooks/[a-z][a-z/]*[a-z]|healthz|readyz|metrics))\b", text)
    )
    assert named <= routes
    if "/admin/" in text:
        assert "/admin/" in routes
    if "/simulator" in text:
        assert "/simulator" in routes


def test_the_metrics_described_are_those_there_are() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    ours = {
        sample.name
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith("bot_")
    }
    assert bot.observability.metrics.WEBHOOKS  # registered by the import
    families = {re.sub(r"_(total|created|bucket|count|sum)$", "", name) for name in ours}
    families |= {m.name for m in REGISTRY.collect() if m.name.startswith("bot_")}
    named = set(re.findall(r"`(bot_[a-z_]+)`", page))
    assert {re.sub(r"_total$", "", name) for name in named} == families


def test_state_diagrams_name_every_state() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    turn, delivery = (
        picture.split("```")[0] for picture in page.split("```mermaid\nstateDiagram-v2")[1:]
    )
    assert set(TurnStatus) <= set(re.findall(r"[a-z]+", turn))
    arrows = "\n".join(line for line in delivery.splitlines() if "-->" in line)
    ends = set(re.findall(r"\b[a-z_]+\b", re.sub(r":.*", "", arrows)))
    assert {state.split("_")[0] for state in ends} == set(DeliveryState)
    assert set(DeliveryVia) <= set(re.findall(r"[a-z]+", page))


def test_the_slack_manifest_leads_to_the_bot(routes: set[str]) -> None:
    manifest = yaml.safe_load((ROOT / "docs/slack-manifest.yml").read_text("utf-8"))
    [command] = manifest["features"]["slash_commands"]
    assert command["command"] == "/bllossom"
    assert re.fullmatch(r"https://[^/]+(/.*)", command["url"])[1] in routes  # type: ignore[index]
    events, presses = (manifest["settings"][n] for n in ("event_subscriptions", "interactivity"))
    for url in (events["request_url"], presses["request_url"]):
        assert url.removeprefix("https://bot.example.com") in routes
    assert tuple(manifest["oauth_config"]["scopes"]["bot"]) == SCOPE_NAMES


def test_both_slack_guides_name_every_scope() -> None:
    for guide in ("slack.md", "slack.ko.md"):
        text = (ROOT / "docs" / guide).read_text("utf-8")
        assert {scope for scope in SCOPE_NAMES if f"`{scope}`" not in text} == set()


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs/images").iterdir():
        assert picture.stat().st_size < 300_000, picture.name
