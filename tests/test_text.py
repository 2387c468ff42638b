from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoint import text
from tests.support import hostile, runner_parser

# Text that is likely to be a command, and text of every other kind.
PIECES = st.one_of(
    st.sampled_from(
        [":", "::", "##[", "#", "[", "]", "error", "set-output name=x", "add-mask", " ", "\t", "\r", "\n"]
    ),
    st.sampled_from(["\u00ad", "\u200b", "\ufeff", "\u034f", "\ufe0f", "\u00a0", "\u3000", "\u2028", "\x85"]),
    st.sampled_from(["\x1b[31m", "\udcff", "\\", "%0A", "x"]),
)
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(st.characters(), max_size=40))


@settings(deadline=None)
@given(TEXTS)
def test_no_text_is_a_command_or_a_second_line(words: str) -> None:
    shown = text.printable(words)
    assert runner_parser.commands(shown) == []
    assert len(shown.splitlines()) <= 1
    assert shown.isprintable()
    shown.encode("utf-8")


@settings(deadline=None)
@given(TEXTS)
def test_twice_is_once(words: str) -> None:
    assert text.printable(text.printable(words)) == text.printable(words)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_a_line_of_harmless_parts_is_made_harmless_as_a_whole(parts: list[str]) -> None:
    assert runner_parser.commands(text.printable("".join(map(text.printable, parts)))) == []


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_names(name: str) -> None:
    assert runner_parser.commands(text.printable(name)) == []


@pytest.mark.parametrize(
    "words", ["", "plain.txt", "a b", "é名前 ñ", "C:\\x", "a::b", "# [x]", "😀.png", "100%"]
)
def test_harmless_text_stays_as_it_is(words: str) -> None:
    assert text.printable(words) == words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a\nb\r\t", r"a\nb\r\t"),
        ("\x1b[31m\x9b\x7f", r"\x1b[31m\x9b\x7f"),
        ("\u202etxt", r"\u202etxt"),
        ("\udcff", r"\udcff"),
        ("\U000e0101", r"\U000e0101"),
        ("  ::error::x", r"  \::error::x"),
        ("a##[error]", r"a##\[error]"),
    ],
)
def test_escapes_are_seen(words: str, shown: str) -> None:
    assert text.printable(words) == shown


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_834_221_337, "1.8 GB"),
        (5 * 10**13, "50.0 TB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_sizes(size: int, words: str) -> None:
    assert text.size_text(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"),
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (75, "1 min 15 s"),
        (3599.6, "1 h 0 min"),
        (7400, "2 h 3 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert text.duration_text(seconds) == words


def test_plurals_and_shortening() -> None:
    assert text.plural(1, "file") == "1 file"
    assert text.plural(5000, "file") == "5,000 files"
    assert text.plural(2, "entry", "entries") == "2 entries"
    assert text.shorten("abcdef", 6) == "abcdef"
    assert text.shorten("abcdefg", 6) == "abcde…"
