"""The texts of an answer's bubbles: its page, with the notes around it.

The database may set a note of up to 900 characters: it is shortened where the text needs the room.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.deliveries import Answer
from bot.messengers.kakao.answer_pages import MAX_BUBBLES, Page
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts
from bot.text.splitting import shorten, utf16_units

MAX_BUBBLE_CHARS = 1000
_GAP = "\n\n"
#: A note shorter than this says nothing.
_MIN_NOTE_CHARS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What an operator may switch in every response."""

    operator: bool = False  #: a quick reply calls a human
    footer: bool = False  #: a line below each answer says that an AI wrote it


PLAIN = Style()


def style_of(settings: KakaoSettings) -> Style:
    """The style that the settings ask for."""
    return Style(operator=settings.operator, footer=settings.footer)


def answer_bubbles(page: Page, answer: Answer, texts: Texts, style: Style) -> list[str]:
    """One to three texts: what is to be known first, the answer, what is to be known of it.

    A note has a bubble of its own if there is one left, but for those that belong below the text.
    """
    shown = [*page.pieces] or [texts.failed]
    if page.is_cut:
        shown[-1] += "…"
    if page.is_cut or (answer.truncated and not page.has_next):
        shown[-1] = _with_note(shown[-1], texts.cut_note)
    if style.footer and answer.answered and not answer.hold:
        shown[-1] = _with_note(shown[-1], words_for(texts).ai_label)
    before = _notes_before(page, answer, texts)
    after = texts.earlier_expired if answer.expired else ""
    if before and len(shown) < MAX_BUBBLES:
        shown.insert(0, before)
    elif before:
        shown[0] = _with_note(shown[0], before, is_before=True)
    if after and len(shown) < MAX_BUBBLES:
        shown.append(after)
    elif after:
        shown[-1] = _with_note(shown[-1], after)
    return shown


def _notes_before(page: Page, answer: Answer, texts: Texts) -> str:
    if page.number > 1:
        return ""
    notice = answer.notice(texts.ai_notice)
    note = texts.idle_note if answer.begins_anew else ""
    if not (note and notice):
        return note or notice
    room = MAX_BUBBLE_CHARS - utf16_units(notice) - 1
    return f"{shorten(note, room, utf16_units)}\n{notice}"


def _with_note(text: str, note: str, *, is_before: bool = False) -> str:
    """The text and a note in one bubble; the note is what gives way."""
    room = MAX_BUBBLE_CHARS - utf16_units(text) - len(_GAP)
    if room < _MIN_NOTE_CHARS:
        return text
    short = shorten(note, room, utf16_units)
    return f"{short}{_GAP}{text}" if is_before else f"{text}{_GAP}{short}"
