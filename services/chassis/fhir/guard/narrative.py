"""Narratives: what txt-1 allows. Anything else is left out; nothing is ever rendered raw."""

from html.parser import HTMLParser

_TAGS_TEXT = """
    p br div h1 h2 h3 h4 h5 h6 a span b i strong em small big tt dfn q code samp img kbd var
    cite ul ol li dl dt dd blockquote pre hr table caption colgroup col thead tbody tfoot tr th
    td abbr acronym address sub sup bdo
"""
_TAGS = frozenset(_TAGS_TEXT.split())
_ATTRIBUTES_TEXT = """
    abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign
    char charoff charset cite class colspan compact coords dir frame headers height href
    hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src
    start style summary tabindex title type valign value vspace width xml:lang xmlns
"""
_ATTRIBUTES = frozenset(_ATTRIBUTES_TEXT.split())
_ADDRESSES = ("http://", "https://", "#", "mailto:", "tel:", "data:image/")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.safe = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.safe = False
        for name, value in attrs:
            address = name in ("href", "src")
            if name not in _ATTRIBUTES or (address and not (value or "").startswith(_ADDRESSES)):
                self.safe = False

    def handle_decl(self, decl: str) -> None:
        self.safe = False

    def handle_pi(self, data: str) -> None:
        self.safe = False

    def unknown_decl(self, data: str) -> None:
        self.safe = False


def is_safe(div: str) -> bool:
    """True for one `div` of basic formatting: no script, handler, frame, form or declaration."""
    text = div.strip()
    if not text.startswith("<div") or not text.endswith(("</div>", "/>")):
        return False
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.safe
