import unicodedata

from bot.admin.turns.excerpt import LENGTH, Excerpt, excerpt


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    assert excerpt("첫 줄\n\n둘째  줄") == Excerpt("", "", "첫 줄 둘째 줄")


def test_a_long_text_is_cut_at_code_points() -> None:
    shown = excerpt("가" * (LENGTH + 1))
    assert shown.after == "가" * LENGTH + "…"


def test_a_match_is_found_as_search_finds_it() -> None:
    assert excerpt("우리 환불 규정은", "환불규정") == Excerpt("우리 ", "환불 규정", "은")
    assert excerpt("Order ABC", "er a") == Excerpt("Ord", "er A", "BC")
    decomposed = unicodedata.normalize("NFD", "환불")
    assert excerpt("환불", decomposed).match == "환불"


def test_a_match_far_into_the_text_is_brought_into_view() -> None:
    shown = excerpt("가" * 500 + "환불" + "나" * 500, "환불")
    assert shown.match == "환불"
    assert shown.before == "…" + "가" * 40
    assert len(shown.before + shown.match + shown.after) == LENGTH + 2


def test_absent_search_term_changes_nothing() -> None:
    assert excerpt("배송은 언제", "환불") == excerpt("배송은 언제")
    assert excerpt("", "환불") == Excerpt("")
