import unicodedata

from bot.admin.turns.excerpt import LENGTH, Excerpt, Part, excerpt
from bot.store.search.words import Word


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    assert excerpt("첫 줄\n\n둘째  줄") == Excerpt((Part("첫 줄 둘째 줄"),))


def test_a_long_text_is_cut_at_code_points() -> None:
    assert str(excerpt("가" * (LENGTH + 1))) == "가" * LENGTH + "…"


def test_a_match_is_found_as_search_finds_it() -> None:
    shown = excerpt("우리 환불 규정은", [Word("환불규정")])
    assert shown == Excerpt((Part("우리 "), Part("환불 규정", marked=True), Part("은")))
    assert excerpt("Order ABC", [Word("era")]).marked == ("er A",)
    decomposed = unicodedata.normalize("NFD", "환불")
    assert excerpt("환불", [Word(decomposed)]).marked == ("환불",)


def test_every_match_of_every_word_is_marked() -> None:
    shown = excerpt("환불 배송 환불", [Word("환불"), Word("배송")])
    assert shown.marked == ("환불", "배송", "환불")
    assert str(shown) == "환불 배송 환불"


def test_matches_that_overlap_are_marked_once() -> None:
    shown = excerpt("가나다라", [Word("가나다"), Word("나다라"), Word("나")])
    assert shown.marked == ("가나다", "라")


def test_initial_consonants_mark_their_syllables() -> None:
    assert excerpt("우리 환불 규정은", [Word("ㅎㅂㄱ")]).marked == ("환불 규",)


def test_a_phrase_is_marked_with_its_spacing_alone() -> None:
    phrase = [Word("환불 규정", exact=True)]
    assert excerpt("환불규정과 환불  규정", phrase).marked == ("환불 규정",)


def test_a_match_far_into_the_text_is_brought_into_view() -> None:
    shown = excerpt("가" * 500 + "환불" + "나" * 500, [Word("환불")])
    assert shown.marked == ("환불",)
    assert shown.parts[0] == Part("…" + "가" * 40)
    assert len(str(shown)) == LENGTH + 2


def test_absent_search_term_changes_nothing() -> None:
    assert excerpt("배송은 언제", [Word("환불")]) == excerpt("배송은 언제")
    assert excerpt("", [Word("환불")]) == Excerpt()
