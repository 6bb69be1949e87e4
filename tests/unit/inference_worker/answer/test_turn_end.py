"""An answer ends at the first control string, wherever the stream is cut into chunks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_worker.answer.families import (
    ALL_END_MARKERS,
    END_MARKERS,
    Family,
    end_markers,
    family_of,
)
from inference_worker.answer.turn_end import TurnEnd

MARKERS = sorted({*ALL_END_MARKERS} - {"[/INST]", "[|assistant|]"})
prose = st.text(st.sampled_from("가나 .\n<|[/s>]`a😀\ufffd"), max_size=25)


def shown(chunks: Sequence[str], markers: Sequence[str], *, is_cut: bool = False) -> list[str]:
    end = TurnEnd(markers)
    return [*(end.push(chunk) for chunk in chunks), end.flush(is_cut=is_cut)]


def splits(text: str) -> list[tuple[str, str]]:
    return [(text[:at], text[at:]) for at in range(len(text) + 1)]


@pytest.mark.parametrize("marker", MARKERS)
def test_text_ends_before_every_marker_at_every_split(marker: str) -> None:
    text = f"안녕하세요 <b>.{marker}user\n다음 질문"
    for chunks in [*splits(text), tuple(text)]:
        pieces = shown(chunks, ALL_END_MARKERS)
        assert "".join(pieces) == "안녕하세요 <b>."


@given(before=prose, marker=st.sampled_from(MARKERS), data=st.data())
@settings(max_examples=300, deadline=None)
def test_chunks_never_change_the_outcome(before: str, marker: str, data: st.DataObject) -> None:
    text = f"가{before}{marker}나"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = "".join(shown([text], ALL_END_MARKERS))
    assert "".join(shown(chunks, ALL_END_MARKERS)) == whole
    assert text.startswith(whole)


@pytest.mark.parametrize("marker", MARKERS)
def test_no_part_of_a_marker_is_shown_at_a_cut(marker: str) -> None:
    for length in range(3, len(marker)):
        text = f"좋아요{marker[:length]}"
        assert "".join(shown(tuple(text), ALL_END_MARKERS, is_cut=True)) == "좋아요"


@pytest.mark.parametrize(
    "text", ["3 < 4", "a <", "배열[", "끝</", "|표|", "x <| y", "<s>줄</s> 끝"]
)
def test_ordinary_text_stays_whole(text: str) -> None:
    assert "".join(shown(tuple(text), ALL_END_MARKERS)) == text


def test_another_familys_markers_are_text_where_the_family_is_known() -> None:
    text = "ChatML은 `<|im_end|>`로, Mistral은 `</s>`와 [INST]로, Gemma는 <end_of_turn>으로 끝나요."
    assert "".join(shown(tuple(text), END_MARKERS[Family.LLAMA3])) == text


@pytest.mark.parametrize(
    "lead_in",
    [
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|im_start|>assistant\n",
        "<start_of_turn>model\n",
        "[|assistant|]",
        "\n<|begin_of_text|><|start_header_id|>assistant<|end_header_id|>\n\n",
    ],
)
def test_a_repeated_header_before_the_answer_is_no_end(lead_in: str) -> None:
    for chunks in splits(f"{lead_in}답이에요.<|eot_id|>"):
        assert "".join(shown(chunks, ALL_END_MARKERS)) == "답이에요."


def test_the_jobs_stop_strings_end_the_answer_too() -> None:
    for chunks in splits("네.\nUser: 다음"):
        end = TurnEnd((), ("\nUser:",))
        assert "".join([*map(end.push, chunks), end.flush(is_cut=False)]) == "네."
        assert end.is_reached


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("MLP-KTLim/llama-3-Korean-Bllossom-8B", Family.LLAMA3),
        ("UNIVA-Bllossom/DeepSeek-llama3.1-Bllossom-8B", Family.LLAMA3),
        ("meta-llama/Llama-4-Scout-17B-16E", Family.LLAMA4),
        ("Qwen/Qwen3-8B", Family.CHATML),
        ("google/gemma-2-9b-it", Family.GEMMA),
        ("mistralai/Mistral-7B-Instruct-v0.3", Family.MISTRAL),
        ("LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", Family.EXAONE),
        ("x", None),
    ],
)
def test_the_family_follows_the_name(name: str, family: Family | None) -> None:
    assert family_of([name]) is family
    assert set(end_markers(family)) <= set(ALL_END_MARKERS)
