"""HTML that cannot be injected into: whatever is not Markup already is escaped on its way in."""

from __future__ import annotations

import html
from collections.abc import Iterable

__all__ = ["Markup", "joined", "markup"]


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def markup(template: str, **values: object) -> Markup:
    """Fill the `{names}` of a template, which is ours; each value is escaped unless it is Markup."""
    return Markup(template.format_map({name: _escaped(value) for name, value in values.items()}))


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("".join(parts))


def _escaped(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))
