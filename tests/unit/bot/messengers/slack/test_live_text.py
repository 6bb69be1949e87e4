"""What is shown of a growing text never has to be taken back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.slack.blocks import defused
from bot.messengers.slack.live_text import visible

PIECES = st.sampled_from(
    ["가", "힣", "ᄒ", "ᅡ", "<", "<@", "<!", "<!channel>", "<!--", "&lt;", "&#60;", "&#x3c;", "@U1",
     "!here", "!", "-", "doc", "#C1", "\u200d", "👨", "👩‍👧", "e\u0301", " ", "\n", "```",
     "<!doctype", "&", ";"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30))
def test_a_shown_beginning_never_changes(pieces: list[str]) -> None:
    shown = ""
    text = ""
    for piece in pieces:
        text += piece
        now = visible(text)
        assert now.startswith(shown)
        shown = now
    assert defused(text).startswith(shown)


@given(st.lists(PIECES, max_size=30))
def test_nothing_is_held_back_for_long(pieces: list[str]) -> None:
    """The end of the text shows all that came before it."""
    text = "".join(pieces)
    assert visible(f"{text} 끝.") == defused(f"{text} 끝.")


def test_a_mention_is_never_shown_half_defused() -> None:
    assert visible("안녕 <") == "안녕 "
    assert visible("안녕 <@") == "안녕 <\u200b@"
    assert visible("a &l") == "a "
    assert visible("a &lt;") == "a "
    assert visible("a &lt;b") == "a &lt;b"
    assert visible("a &#60;!-") == "a "
    assert visible("a &#x3c;!doctyp") == "a "
