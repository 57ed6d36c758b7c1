"""A page as a test reads it."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.unit.http.conftest import Client

VOID = {"meta", "link", "img", "input"}
INLINE = {"a", "b", "bdi", "code", "mark", "time"}


class Page(HTMLParser):
    """Collects text, tags and attributes, and refuses tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.marks: list[str] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []
        self.text = " ".join("".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)
        self._texts.append(" " if tag not in INLINE else "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._texts.append(" " if tag not in INLINE else "")

    def handle_data(self, data: str) -> None:
        self._texts.append(data)
        if self._open and self._open[-1] == "mark":
            self.marks.append(data)

    def values(self, tag: str, name: str) -> list[str | None]:
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


async def page(client: Client, path: str = "/ui/", status: int = 200) -> Page:
    answer = await client.get(path)
    assert answer.status == status
    assert answer.content_type == "text/html"
    return Page(await answer.text())
