"""Pure parts: what is computed from a text alone."""

import pytest

from app import text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Hello, World!", "hello-world"),
        ("  Crème brûlée  ", "creme-brulee"),
        ("a--b__c", "a-b-c"),
        ("日本語", "untitled"),
        ("x" * 200, "x" * text.SLUG_CHARS_MAX),
    ],
)
def test_a_slug_is_fit_for_an_address(name: str, expected: str) -> None:
    assert text.slug(name) == expected


@pytest.mark.parametrize(
    ("body", "file_name", "expected"),
    [
        ("intro\n## A heading \nmore", "post.md", "A heading"),
        ("#no heading", "drafts/my.post.md", "my.post"),
        ("", "", "untitled"),
        ("", "README", "README"),
    ],
)
def test_a_title_is_the_first_heading_or_the_file_name(body: str, file_name: str, expected: str) -> None:
    assert text.title(body, file_name) == expected


@pytest.mark.parametrize(("words", "minutes"), [(0, 0), (1, 1), (200, 1), (201, 2)])
def test_reading_takes_a_minute_for_each_two_hundred_words(words: int, minutes: int) -> None:
    assert text.reading_minutes(words) == minutes


def test_decoding_drops_the_byte_order_mark_and_foreign_line_ends() -> None:
    assert text.decode(b"\xef\xbb\xbfone\r\ntwo\rthree") == "one\ntwo\nthree"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\x00b"])
def test_what_is_not_text_is_refused(content: bytes) -> None:
    with pytest.raises(text.NotText):
        text.decode(content)


def test_an_excerpt_leaves_headings_out_and_ends_at_a_word() -> None:
    excerpt = text.excerpt("# Title\n" + "word " * 100)
    assert excerpt.startswith("word word")
    assert excerpt.endswith("word…")
    assert len(excerpt) <= text.EXCERPT_CHARS + 1


def test_a_short_text_is_its_own_excerpt() -> None:
    assert text.excerpt("# Title\nshort\ntext") == "short text"
