"""What is computed from a document's text alone."""

import math
import re
import unicodedata

SLUG_CHARS_MAX = 80
EXCERPT_CHARS = 160
WORDS_PER_MINUTE = 200


class NotText(ValueError):
    """The upload is not UTF-8 text."""


def decode(content: bytes) -> str:
    """The text of an upload, without a byte-order mark and with plain line ends."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotText("the file is not UTF-8 text") from None
    if "\x00" in text:
        raise NotText("the file contains NUL characters")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def title(text: str, file_name: str) -> str:
    """The first Markdown heading, else the file's name without its ending."""
    for line in text.splitlines():
        match = re.match(r"#{1,6}\s+(.*\S)", line)
        if match:
            return match.group(1)
    stem = file_name.rsplit("/", 1)[-1]
    return stem.rsplit(".", 1)[0] or "untitled"


def slug(name: str) -> str:
    """A name for addresses: ASCII letters, digits, and single dashes."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    dashed = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    return dashed[:SLUG_CHARS_MAX].rstrip("-") or "untitled"


def word_count(text: str) -> int:
    """How many words the text has."""
    return len(text.split())


def reading_minutes(words: int) -> int:
    """How long reading takes, at least a minute for any text at all."""
    return math.ceil(words / WORDS_PER_MINUTE)


def excerpt(text: str) -> str:
    """The start of the text without headings, cut at a word."""
    body = " ".join(line for line in text.splitlines() if not line.startswith("#"))
    flat = " ".join(body.split())
    if len(flat) <= EXCERPT_CHARS:
        return flat
    return flat[:EXCERPT_CHARS].rsplit(" ", 1)[0] + "…"
