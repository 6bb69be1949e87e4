"""The data card: the README of a data set, as the Hugging Face hub and ``datasets`` read it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from bot.admin.datasets import labels as words
from bot.admin.web.labels import label, stamp
from bot.admin.web.language import translate as _
from bot.privacy.masking import mask
from bot.store.datasets.items import Counts
from bot.store.datasets.sets import Dataset

#: Of models by the names that they publish.
_LLAMA = ("llama", "bllossom")
_MAX_NAMES = 20


def file_name(split: str) -> str:
    """The file of a split, by whose name ``datasets`` knows it."""
    return f"{split}.jsonl"


def card(dataset: Dataset, counts: Counts, *, exported_at: str = "") -> str:
    """The README: a front matter for programs, and sections for people in their language."""
    parts = [
        "\n".join(_front_matter(dataset)),
        f"# {one_line(mask(dataset.name))} v{dataset.version}",
        _table(_facts(dataset, counts, exported_at)),
        *_counted(dataset, counts),
        *_notes(counts),
    ]
    return "\n\n".join(parts)


def _front_matter(dataset: Dataset) -> Iterator[str]:
    """The YAML that the hub reads; a name is quoted as JSON, which is YAML too.

    It names no files: ``datasets`` knows the splits by their file names. With ``configs`` it (5.2)
    takes a folder for any other of the same name that it has loaded before.
    """
    yield "---"
    yield f"pretty_name: {json.dumps(one_line(mask(dataset.name)), ensure_ascii=False)}"
    yield "language: [ko]"
    yield "license: other"
    yield f"tags: [trl, {dataset.kind}]"
    yield "---"


def _facts(dataset: Dataset, counts: Counts, exported_at: str) -> Iterator[tuple[str, str]]:
    yield _("종류"), label(dataset.kind, words.KINDS)
    yield _("버전"), str(dataset.version)
    yield _("만든 시각"), stamp(dataset.created_at)
    if exported_at:
        yield _("내보낸 시각"), exported_at
    yield _("조건"), one_line(mask(dataset.query)) or _("없음 (평가가 있는 모든 대화)")
    yield _("살펴본 대화"), f"{dataset.looked_at:,}"
    yield _("항목"), f"{counts.all:,}"
    yield _("만든 뒤 삭제된 항목"), f"{max(dataset.made - counts.all, 0):,}"
    yield (
        _("같은 글"),
        _("띄어쓰기와 문장 부호만 달라도 하나만 남김") if dataset.loose else _("하나만 남김"),
    )
    yield _("토큰 검사"), _check(dataset, counts)


def _check(dataset: Dataset, counts: Counts) -> str:
    if not dataset.preset:
        return _("하지 않음")
    return _(
        "{preset} · 최대 {limit}토큰 · 가장 긴 항목 {longest} · 검사하지 않은 항목 {unchecked}",
        preset=dataset.preset,
        limit=f"{dataset.max_tokens:,}",
        longest=f"{counts.max_tokens or 0:,}",
        unchecked=f"{counts.unchecked:,}",
    )


def _counted(dataset: Dataset, counts: Counts) -> Iterator[str]:
    for title, name, known in (
        (_("나눔"), "split", words.SPLITS),
        (_("좋은 답변의 출처"), "source", words.SOURCES),
        (_("답변한 모델"), "model", {}),
        (_("프리셋"), "preset", {}),
        (_("설정 버전"), "config_version", {}),
    ):
        if counts.by[name]:
            yield f"## {title}\n\n{_table(_named(counts.by[name], known))}"
    if dataset.left_out:
        yield f"## {_('넣지 않은 대화와 그 이유')}\n\n" + _table(
            _named(dataset.left_out, words.LEFT_OUT)
        )


def _named(counts: Mapping[str, int], known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    for value, count in ordered[:_MAX_NAMES]:
        yield one_line(label(value, known)) or _("알 수 없음"), f"{count:,}"


def _notes(counts: Counts) -> Iterator[str]:
    yield f"## {_('나누는 방법')}\n\n" + _(
        "대화 번호의 해시로 나눕니다. 한 대화의 항목은 모두 같은 쪽에 있고, 데이터가 늘어도 바뀌지"
        " 않습니다. 학습 90%, 검증 5%, 시험 5%가 기준입니다."
    )
    yield f"## {_('개인정보')}\n\n" + _(
        "전화번호, 이메일, 주민등록번호, 카드·계좌·여권 번호는 종류의 이름으로 바꿨습니다. 사람"
        " 이름과 주소는 알아낼 수 없어 남아 있을 수 있습니다. 학습 제외를 요청한 사람의 대화는"
        " 없습니다."
    )
    yield f"## {_('라이선스')}\n\n" + "\n".join(f"- {note}" for note in licence_notes(counts))


def licence_notes(counts: Counts) -> list[str]:
    """What has to be thought of before the data or a model made of it is given away."""
    notes = [_("질문은 대화한 사람들이 쓴 글입니다. 밖에 내보내기 전에 동의와 약관을 확인하세요.")]
    if any(name in model.lower() for model in counts.by["model"] for name in _LLAMA):
        notes += [
            _(
                "Llama 3 계열 모델의 답변이 들어 있습니다. 이 데이터로 만든 모델을 배포하려면"
                " “Built with Meta Llama 3”를 표시하고 모델 이름을 “Llama 3”로 시작해야 합니다."
            ),
            _(
                "Meta Llama 3 Community License는 Llama 3의 출력을 Llama 3가 아닌 다른 언어 모델의"
                " 개선에 쓰지 못하게 합니다. 다른 모델에 쓰기 전에 사용한 모델의 라이선스를"
                " 읽어 주세요."
            ),
        ]
    return notes


def _table(rows: Iterable[tuple[str, str]]) -> str:
    head = (_("이름"), _("값"))
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows]
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def one_line(text: str) -> str:
    """The text without line ends, which would begin a line of the card's own."""
    return " ".join(text.split())
