"""``make train-walk``: from questions on KakaoTalk to an adapter that is proven better.

The product as `make run` starts it, with the packaged demo model; people who ask; a reviewer who
corrects by a rule that needs no judge; the data set's export; a training by DPO; the adapter in a
second worker; the gate; the report on the dashboard; and the product with the adapter.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path

from aiohttp import ClientSession, CookieJar

from fakes.kakao import KakaoPlatform, kakao_platform
from inference_queue.presets import DEMO_PRESET
from tests.walk.dashboard import Dashboard
from tests.walk.errors import WalkError
from tests.walk.memory import GIB, watched
from tests.walk.people import People
from tests.walk.product import CALLBACK_S, HOST, SLOTS, Product
from tests.walk.programs import run, say
from tests.walk.reviewer import Reviewer
from training.proof_data import HELD_OUT, QUESTIONS, TRAIN, follows_rule, write_questions

#: One question about each thing that is not held out, in turn in the four ways to ask.
ASKED = [text.format(name) for (name, _kind), text in zip(TRAIN, cycle(QUESTIONS), strict=False)]
#: One in so many people asks for another answer.
AGAIN_EVERY = 10
_TRAINING = {
    "--learning-rate": "8e-4",
    "--epochs": "1",
    "--batch-size": "4",
    "--accumulation": "1",
    "--window": "256",
}
#: What the dashboard says of a candidate that is better.
_BETTER = "후보가 더 낫습니다"


class Walk:
    """One walk in one folder."""

    def __init__(self, place: Path, http: ClientSession, kakao: KakaoPlatform) -> None:
        self._place = place
        self._http = http
        self._product = Product.in_folder(place, kakao.origin)
        self._people = People(http, kakao, self._product.origin, self._product.kakao_secret)
        self._adapter = place / "house-1"

    async def go(self) -> None:
        """Every step. Raises WalkError."""
        write_questions(self._place / "held-out.jsonl")
        step("The product starts")
        async with self._product.running(self._http):
            reviewer = await self._reviewed()
            step("The adapter is trained")
            await self._train()
            step("The adapter answers in a second worker; both are asked what nobody has asked yet")
            async with self._product.second_worker(self._http, self._adapter) as candidate:
                await self._gate(candidate)
            step("The report comes to the dashboard and into the model card")
            await self._bring(reviewer)
        step("The product starts again, with the adapter")
        async with self._product.running(self._http, adapter=str(self._adapter)):
            await self._ask_once_more()

    async def _reviewed(self) -> Reviewer:
        step(f"{len(ASKED)} people ask on KakaoTalk")
        again = await self._people.ask_all(ASKED, again_every=AGAIN_EVERY)
        say(f"{again} of them asked for another answer")
        step("A reviewer judges and corrects every answer on the dashboard")
        dashboard = Dashboard(self._http, self._product.origin)
        await dashboard.log_in("admin", self._product.password)
        reviewer = Reviewer(dashboard)
        judged = await reviewer.judge_all(len(ASKED))
        say(f"judged by the rule: {judged['good']} good, {judged['bad']} bad and corrected")
        step("The pairs are exported")
        await reviewer.export(self._place / "pairs.zip")
        return reviewer

    async def _train(self) -> None:
        words = ["--data", str(self._place / "pairs.zip"), "--base", DEMO_PRESET]
        words += ["--output", str(self._adapter), "--data-dir", str(self._product.data_dir)]
        words += [word for option in _TRAINING.items() for word in option]
        await run("training", "dpo", *words)

    async def _gate(self, candidate: str) -> None:
        words = ["--questions", str(self._place / "held-out.jsonl"), "--greedy"]
        words += ["--baseline", f"http://{HOST}:{self._product.api_port}/v1"]
        words += ["--candidate", candidate, "--preset", DEMO_PRESET]
        words += ["--baseline-name", DEMO_PRESET, "--candidate-name", self._adapter.name]
        words += [
            "--max-new-tokens",
            "16",
            "--at-once",
            str(SLOTS),
            "--run",
            str(self._place / "evaluation"),
        ]
        await run("evaluation", "gate", *words)

    async def _bring(self, reviewer: Reviewer) -> None:
        report = self._place / "evaluation" / "report.json"
        await run("bot", "evaluations", "add", str(report), **self._product.operator)
        verdict = await reviewer.read_evaluation()
        say(f"the dashboard says: {verdict}")
        if _BETTER not in verdict:
            raise WalkError(f"the dashboard's verdict is not “{_BETTER}”")
        words = ["--adapter", str(self._adapter), "--evaluation", str(report)]
        await run("training", "card", *words)

    async def _ask_once_more(self) -> None:
        name, _kind = HELD_OUT[0]
        question = QUESTIONS[-1].format(name)
        answer = await self._people.ask("a-newcomer", question)
        say(f"{question} → {answer}")
        if not any(map(follows_rule, answer.splitlines())):
            raise WalkError("the answer on KakaoTalk does not follow the rule")


def step(title: str) -> None:
    """A heading, with the seconds since the start."""
    say(f"\n## {title} ({time.monotonic() - _STARTED:.0f} s)")


async def walk(place: Path) -> None:
    """Go, and say what it took. Raises WalkError."""
    async with AsyncExitStack() as stack:
        kakao = await stack.enter_async_context(kakao_platform(CALLBACK_S + 10))
        jar = CookieJar(unsafe=True)  # of an address instead of a name
        http = await stack.enter_async_context(ClientSession(cookie_jar=jar))
        peak = await stack.enter_async_context(watched())
        await Walk(place, http, kakao).go()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(
        f"\nBetter, by the gate. {time.monotonic() - _STARTED:.0f} s, "
        f"{used.ru_utime + used.ru_stime:.0f} s of CPU, {peak.bytes / GIB:.1f} GiB at most"
    )


def main() -> int:
    """Exit status 1 with a sentence where a step failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--keep", type=Path, help="a new folder for everything that is made")
    keep: Path | None = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="bllossom-walk-") as beside:
        place = keep or Path(beside)
        place.mkdir(parents=True, exist_ok=True)
        try:
            asyncio.run(walk(place.resolve()))
        except WalkError as error:
            sys.stderr.write(f"The walk ended early: {error}.\n")
            return 1
    return 0


_STARTED = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
