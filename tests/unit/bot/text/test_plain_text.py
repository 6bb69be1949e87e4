"""Plain text keeps what a reader needs, whatever Markdown a model writes around it."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.text.markdown import plain_text

#: Content that looks like Markdown: it stays as typed, whole.
CONTENT = [
    # products, powers and other formulas
    "3*4*5 = 60",
    "1*2*3*4",
    "2**10 = 1024, 2**3**2 = 512",
    "x**2 + y**2 = r**2",
    "a**b + c**d",
    "a*(b+c)*d",
    "(a+b)*(c+d)*(e+f)",
    "(a+b)**(c)**2",
    "단가*수량*할인율 = 총액",
    "단가*수량*1.1",
    "(*p)*(*q)",
    "5 * 3 = 15, 2 * 4 = 8",
    "$a*b*c$와 $x_i + y_j$, $$a_1*b_1*c_1$$",
    r"\(a*b*c\)와 \[x_1*y_1*z_1\]",
    r"\frac{1}{2}\_\alpha",
    "[0, 1](구간)과 [0.5](0.7)",
    "-5도에서 +5도",
    "50%*2",
    ">= 5이고 <= 10",
    "a < b, c > d",
    "x == y || y == z",
    "A | B",
    # names and code outside of code spans
    "__init__.py",
    "__init__",
    "__init__과 __del__, obj.__class__.__name__",
    '__name__ == "__main__"',
    "snake_case_name과 다른_변수_이름",
    "_private_name_",
    "_비공개_이름",
    "char **argv, char **envp",
    "int *p, *q;",
    "**kwargs",
    "**kwargs를 받고 x**y를 돌려줘요",
    "def f(**kwargs): return x**y",
    "f(*args, **kwargs)",
    "α*β*γ, π*r*r",
    "f(x)*g(x)*h(x)",
    "5개*3세트*2, 가*나*",
    "f(**kwargs) and g(**opts)",
    "f(*인자)와 g(*나머지)",
    "arr[0](x), f[i](x.y)",
    "std::vector<std::string> a;",
    "COUNT(*), SUM(*)",
    "SELECT * FROM t WHERE a * b",
    "/*comment*/",
    ">>> print(1)",
    "#include <stdio.h>",
    "#1 순위, C#, F#",
    "--option -v",
    "a && b & c",
    "?a=1&copy=2",
    "AT&T",
    "s**t, f**k",
    # paths and patterns
    "*.py",
    "*.py, *.ts, *.*",
    "**/*.ts",
    "src/**/*.ts와 tests/**/test_*.py",
    "**/test/**",
    "{**/*.py,**/*.ts}",
    "test_*.py와 *_test.py",
    "~/.bashrc, ~/work/a_b_c",
    r"C:\Users\_me\*.txt",
    r"\d+\.\d+\_x",
    r"^\*+$와 a\*{2}|b",
    r"\\server\share\_x",
    "https://a.kr/__init__/a*b*c?x_y_z=1",
    "*/5 * * * *",
    "0 0 * * *",
    "* * * * *",
    "* * * * * /usr/bin/backup",
    # dates, numbers, lists that are none
    "2024. 3. 5.",
    "2024. 12. 25. (수)",
    "5.",
    "1.",
    "-",
    "14. 그리고",
    "3~5일, 7~9일",
    "10.10.10.10",
    "010-****-5678",
    "***-**-1234",
    # faces
    "^_^ 안녕 ^_^",
    "*^^*",
    "(*^▽^*)",
    "(*´ω`*)",
    "안녕 (*´∀`*)",
    "*:･ﾟ✧*:･ﾟ✧",
    "_(:3」∠)_, m(_ _)m, (_._)",
    r"\(^o^)/ \(^o^)/",
    "o_O, @_@, d(^_^o), -_-;;",
    "이름: ____ 나이: ____",
    "_ _ _ _ _ (다섯 글자)",
    "_ _ _ _ _",
    "빈칸 ___에 들어갈 말은 ___이다",
    "(*ㅅ*)",
    "ㅠ_ㅠ 그래서 ㅠ_ㅠ",
    "T_T, -_- 그래서 -_-, (-_-) 네 (-_-)",
    ">_<",
    r"¯\_(ツ)_/¯",
    "안녕~~ 반가워~~",
    "와~~대박~~",
    # people
    "홍*동, 김*수, 이*희",
    "김** 님과 이** 님",
    "이름*, 나이* (*는 필수)",
    # no links
    "[나쁨](javascript:alert(1))",
    "[1] 참고, [^1] 각주, [ ] 할 일",
    "[1]: https://a.kr",
    "닫히지 않은 **굵게, `코드, [링크",
    "~~~",
]


@pytest.mark.parametrize("content", CONTENT)
def test_content_stays_as_typed(content: str) -> None:
    assert plain_text(content) == content


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("around", ["- {}", "> {}", "### {}", "1. {}"])
def test_content_stays_inside_of_blocks(content: str, around: str) -> None:
    if content not in {"~~~", "-"}:
        assert plain_text(around.format(content)).endswith(content)


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("**서울**은 **대한민국**의 수도예요.", "서울은 대한민국의 수도예요."),
        ("**“인용”**이라고 해요", "“인용”이라고 해요"),
        ("“**인용**”이라고 해요", "“인용”이라고 해요"),
        ("**서울(Seoul)**에서", "서울(Seoul)에서"),
        ("**서울**(Seoul)에서", "서울(Seoul)에서"),
        ("(**강조**)와 『**책**』", "(강조)와 『책』"),
        ("**50%** 할인, 약 **3.5**배, **1위**는", "50% 할인, 약 3.5배, 1위는"),
        ("**제목:** 내용", "제목: 내용"),
        ("**1) 첫째** 항목과 **가) 둘째**", "1) 첫째 항목과 가) 둘째"),
        ("**장점**/**단점**, **가**·**나**", "장점/단점, 가·나"),
        ("**/초기화** 명령과 **.env** 파일", "/초기화 명령과 .env 파일"),
        ("**`f(*args)`**를 부르면", "f(*args)를 부르면"),
        ("**[네이버](https://naver.com)**에서", "네이버 (https://naver.com)에서"),
        ("**(1)** 첫째, **[1]** 각주, **1.** 하나", "(1) 첫째, [1] 각주, 1. 하나"),
        ("1.**제목**:내용과 **50,000원**~**70,000원**", "1.제목:내용과 50,000원~70,000원"),
        ("*   **항목:** 설명\n*   **둘:** 설명", "• 항목: 설명\n• 둘: 설명"),
        ("(*참고*)와 *이탤릭*입니다", "(참고)와 이탤릭입니다"),
        ("***아주 중요***해요", "아주 중요해요"),
        ("**굵고 *기운* 글**은", "굵고 기운 글은"),
        ("**굵고 *기운 글***", "굵고 기운 글"),
        ("***굵고** 기운* 글", "굵고 기운 글"),
        ("_기울임_ 글, __중요__한 글", "기울임 글, 중요한 글"),
        ("~~지움~~은 **~~굵게~~**", "지움은 굵게"),
        ("**H**yper**T**ext", "HyperText"),
        (
            "**API**s, **word**s, Java**Script**는, GPT**모델**은",
            "APIs, words, JavaScript는, GPT모델은",
        ),
        ("**😀** **좋아요 😀**입니다", "😀 좋아요 😀입니다"),
        ("**2 + 3 * 4 * 5**는 62", "2 + 3 * 4 * 5는 62"),
        ("`3*4*5`는 ``a`b``", "3*4*5는 a`b"),
        (r"snake\_case, \*별\*, 3\~5일, \$100, 5 \< 6", "snake_case, *별*, 3~5일, $100, 5 < 6"),
        ("1\\. 하나\n\n\\- 둘\n\n\\# 셋", "1. 하나\n\n- 둘\n\n# 셋"),
        ("&lt;b&gt; &amp;amp; &quot;a&quot;", '<b> &amp; "a"'),
        ("가<br>나<br/>다", "가\n나\n다"),
        ("[네이버](https://naver.com)에서", "네이버 (https://naver.com)에서"),
        ("[https://a.kr](https://a.kr), <https://b.kr>", "https://a.kr, https://b.kr"),
        ("[메일](mailto:me@a.kr), [me@a.kr](mailto:me@a.kr)", "메일 (mailto:me@a.kr), me@a.kr"),
        ('[지도](https://a.kr "서울 지도")', '지도 (https://a.kr "서울 지도")'),
        ("[문서](docs/a_b_c.md)와 [맨 위](#top)", "문서 (docs/a_b_c.md)와 맨 위 (#top)"),
        ("[위키](https://a.kr/x_(y))는", "위키 (https://a.kr/x_(y))는"),
        (
            "[![그림](https://a.kr/i.png)](https://a.kr)",
            "그림 (https://a.kr/i.png) (https://a.kr)",
        ),
        ("https://a.kr/a_b_**굵게**", "https://a.kr/a_b_굵게"),
        ("## 제목 ##\n# C #\n### 1. **소제목**", "제목\n\nC #\n\n1. 소제목"),
        ("제목\n---\n글", "제목\n\n──────────\n\n글"),
        ("다음과 같아요:\n- **가**: 하나\n- 나", "다음과 같아요:\n\n• 가: 하나\n• 나"),
        ("1. 가\n   - 나\n     - 다\n2. 라", "1. 가\n  • 나\n    • 다\n2. 라"),
        ("1. 가\n  - 나\n  - 다\n\n2. 라\n\n끝", "1. 가\n  • 나\n  • 다\n2. 라\n\n끝"),
        ("- 가\n이어서\n- 나", "• 가\n  이어서\n• 나"),
        ("* 가\n* 나\n\n글", "• 가\n• 나\n\n글"),
        ("1. ### 준비\n2. - 점검", "1. 준비\n2. - 점검"),
        ("1. 하나\n3. 셋\n3. 셋\n10. 열", "1. 하나\n3. 셋\n3. 셋\n10. 열"),
        ("날짜는\n2024. 3. 5.\n2024. 3. 6.\n이에요", "날짜는\n2024. 3. 5.\n2024. 3. 6.\n이에요"),
        ("> 인용\n>\n> - 가\n> - 나\n\n글", "> 인용\n> • 가\n> • 나\n\n글"),
        (
            "1. 설치:\n   ```bash\n   pip install x\n   ```\n2. 실행",
            "1. 설치:\n  pip install x\n2. 실행",
        ),
        ("```python\na*b*c  # __x__\n```", "a*b*c  # __x__"),
        ("~~~\n**글**\n~~~", "**글**"),
        ("````md\n```py\nx\n```\n````\n끝", "```py\nx\n```\n\n끝"),
        ("```이 코드는\nx\n```", "이 코드는\nx"),
        ("```c++\nint **p;", "int **p;"),
        ("1. ```\n   ```\n2. 나", "1.\n2. 나"),
        ("    a*b*c*d*", "    a*b*c*d*"),
        ("$$\na*b*c\n- d\n$$", "$$\na*b*c\n- d\n$$"),
        (
            "| 이름 | 값 |\n|:---|---:|\n| **가** | `x|y` |\n| a\\|b | 2 | 더 |",
            "이름 | 값\n가 | x|y\na|b | 2 | 더",
        ),
        ("|가|나|\n|-|-|\n| - | - |\n| :-: | --- |", "가 | 나\n- | -\n:-: | ---"),
        ("이름 | 값\n--- | ---\n가 | \n\n글", "이름 | 값\n가\n\n글"),
        (
            "|이름|값|단위|\n|-|-|-|\n|**가**|1|원|\n|나||개|\n|다|3|a|b|\n\n글",
            "• 가\n  값: 1\n  단위: 원\n• 나\n  단위: 개\n• 다\n  값: 3\n  단위: a\n  b\n\n글",
        ),
        ("|이름|값|단위|\n|-|-|-|\n글", "이름 | 값 | 단위\n\n글"),
        ("> |가|나|다|\n> |-|-|-|\n> |1|2|3|", "> • 1\n>   나: 2\n>   다: 3"),
        ("- [ ] 할 일\n- [x] 한 일\n- [1] 각주", "• ☐ 할 일\n• ☑ 한 일\n• [1] 각주"),
        ("  12\n+ 34\n= 46", "  12\n+ 34\n= 46"),
    ],
)
def test_markers_go_and_words_stay(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


#: What models write, and what breaks parsers; without the constructs that hide letters on purpose.
_PARTS = [*"가나다라 \n\n**__``~~#->[]()!|\\.:/$={}'@,%+1234abcXY\t", "ㅠ", "😀", "  ", "\n\n"]
_PARTS += [
    "**",
    "__",
    "***",
    "- ",
    "1. ",
    "> ",
    "# ",
    "](",
    "|-|-|\n",
    "https://a.kr/",
    "\\[",
    "$$",
]
_FENCED = ["```", "~~~", "```py\n", "~~~\n", "```\n"]
#: A marker may go; everything else that is visible stays.
_MARKERS = frozenset('*_~`#>-[]()!|\\"<:=')


def is_subsequence(part: str, whole: str) -> bool:
    letters = iter(whole)
    return all(char in letters for char in part)


@given(st.lists(st.sampled_from(_PARTS), max_size=80).map("".join))
@example("2024. 3. 5.")
@example("3*4*5")
def test_every_letter_digit_and_symbol_is_kept_in_order(markdown: str) -> None:
    assume(not re.search(r"-[ \t:]*\|[ \t:]*-+[ \t:]*\|[ \t:]*-", markdown))  # wide tables
    plain = plain_text(markdown)
    kept = "".join(c for c in markdown if not c.isspace() and c not in _MARKERS)
    assert is_subsequence(kept, plain)
    assert set(plain) <= set(markdown) | set("•─ ()>\n|☐☑")


@given(st.lists(st.sampled_from(_PARTS + _FENCED), max_size=60).map("".join))
def test_only_the_name_of_a_language_is_lost_at_a_fence(markdown: str) -> None:
    kept = re.sub(r"(?<=[`~])[A-Za-z][\w+#.-]*", "", markdown)
    assert is_subsequence("".join(c for c in kept if "가" <= c <= "힣"), plain_text(markdown))


@given(st.integers(2, 99), st.integers(2, 99), st.sampled_from(["*", "**", "_", "~", "~~"]))
def test_operators_between_numbers_stay(a: int, b: int, operator: str) -> None:
    formula = f"{a}{operator}{b}{operator}{a} = {a}{operator}{b}"
    assert plain_text(f"답은 {formula}") == f"답은 {formula}"


@given(st.from_regex(r"[a-z]{1,8}(_[a-z0-9]{1,8}){1,4}_?", fullmatch=True))
def test_names_with_underscores_stay(name: str) -> None:
    for shown in (name, f"_{name}", f"__{name}__", f"{name}()와 _{name}_"):
        assert plain_text(shown) == shown


@given(st.dates())
def test_korean_dates_stay(date: object) -> None:
    year, month, day = str(date).split("-")
    line = f"{year}. {int(month)}. {int(day)}."
    assert plain_text(line) == line
    assert plain_text(f"- {line}") == f"• {line}"


@given(
    st.text(alphabet="가나다라마바사아 ", min_size=1, max_size=20).map(str.strip).filter(bool),
    st.sampled_from(
        ["은", "는", "이", "가", "을", "를", "의", "에서", "으로", "입니다", "", ".", ","]
    ),
    st.sampled_from(["**", "***"]),
    st.sampled_from(["{}", "'{}'", "“{}”", "({})", "{}(漢字)", "{}%", "『{}』"]),
)
def test_bold_before_any_particle_is_read(
    word: str, particle: str, marker: str, around: str
) -> None:
    shown = around.format(word)
    assert (
        plain_text(f"이것은 {marker}{shown}{marker}{particle} 끝") == f"이것은 {shown}{particle} 끝"
    )
