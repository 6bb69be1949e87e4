"""The form of a judgement: as it was posted, what is wrong with it, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.domain.feedback import Reason
from bot.domain.reviews import (
    MAX_CORRECTION_CHARS,
    MAX_REVIEW_NOTE_CHARS,
    Judgement,
    Verdict,
)
from bot.domain.turns import clean_text

#: A syllable takes nine bytes in a form.
MAX_FORM_BYTES = 9 * (MAX_CORRECTION_CHARS + MAX_REVIEW_NOTE_CHARS) + 8192
_MAX_VERSION_DIGITS = 9

_NO_VERDICT = "판정을 골라 주세요."
_NO_REASON = "무엇이 문제인지 하나 이상 골라 주세요."
_GOOD_WITH_REASON = "‘좋음’이면 문제를 고를 수 없습니다. 둘 중 하나만 골라 주세요."
_GOOD_WITH_CORRECTION = (
    "‘좋음’이면 답변을 고칠 수 없습니다. 판정을 바꾸거나 고친 답변을 지워 주세요."
)
_TOO_LONG = "‘{field}’에는 {count}자까지 쓸 수 있습니다. 지금은 {now}자입니다."


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementForm:
    """The fields, as they are shown again."""

    verdict: Verdict | None = None
    reasons: frozenset[Reason] = frozenset()
    note: str = ""
    correction: str = ""  #: the whole text of the box, which begins as the answer
    version: int = 0  #: of what the form was made of
    anyway: bool = False

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> JudgementForm:
        """The fields as they were posted. A reason alone says that there is a problem."""
        verdict = fields.get("verdict", "")
        reasons = frozenset(one for one in Reason if fields.get(f"reason_{one}"))
        if not verdict and reasons:
            verdict = Verdict.BAD
        return cls(
            verdict=Verdict(verdict) if verdict in set(Verdict) else None,
            reasons=reasons,
            note=clean_text(fields.get("note", "")),
            correction=clean_text(fields.get("correction", "")),
            version=_number(fields.get("version", "")),
            anyway=fields.get("anyway") == "1",
        )

    @classmethod
    def of(cls, judgement: Judgement | None, note: str, version: int, answer: str) -> JudgementForm:
        """The form of what is stored; ``answer``: as it is shown, for the box of the correction."""
        if judgement is None:
            return cls(note=note, correction=_begun(answer), version=version)
        return cls(
            verdict=judgement.verdict,
            reasons=frozenset(judgement.reasons),
            note=judgement.note,
            correction=_begun(answer) if judgement.correction is None else judgement.correction,
            version=version,
        )

    def at_version(self, version: int) -> JudgementForm:
        """The same text, made of what is stored now."""
        return replace(self, version=version)

    def corrected(self, answer: str) -> str | None:
        """The corrected answer; None: the box is empty, or holds the answer as it was shown."""
        return None if self.correction in {"", clean_text(answer)} else self.correction

    def problems(self, answer: str) -> list[str]:
        """Why it cannot be saved, in sentences."""
        return [*self._contradictions(answer), *self._lengths()]

    def judgement(self, answer: str) -> Judgement:
        """What it says; it has no problems."""
        assert self.verdict  # noqa: S101 - otherwise it has a problem
        return Judgement(
            verdict=self.verdict,
            reasons=tuple(reason for reason in Reason if reason in self.reasons),
            note=self.note,
            correction=self.corrected(answer),
        )

    def _contradictions(self, answer: str) -> Iterator[str]:
        if self.verdict is None:
            yield _(_NO_VERDICT)
        elif self.verdict is Verdict.BAD:
            if not self.reasons:
                yield _(_NO_REASON)
        else:
            if self.reasons:
                yield _(_GOOD_WITH_REASON)
            if self.corrected(answer) is not None:
                yield _(_GOOD_WITH_CORRECTION)

    def _lengths(self) -> Iterator[str]:
        for label, text, count in (
            (_("메모"), self.note, MAX_REVIEW_NOTE_CHARS),
            (_("고친 답변"), self.correction, MAX_CORRECTION_CHARS),
        ):
            if len(text) > count:
                yield _(_TOO_LONG, field=label, count=f"{count:,}", now=f"{len(text):,}")


def _begun(answer: str) -> str:
    """What the box of the correction begins with: nothing where it would be too long to save."""
    return answer if len(answer) <= MAX_CORRECTION_CHARS else ""


def _number(raw: str) -> int:
    return whole_number(raw, _MAX_VERSION_DIGITS) or 0
