"""Answers of the pages, with what keeps a browser from doing anything else with them."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

__all__ = ["PAGE_HEADERS", "html_response"]

# nothing but our own style sheet, script and icon, and nothing inline
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    # not `no-referrer`: a browser would then send our own forms with `Origin: null`
    "Referrer-Policy": "same-origin",
}


def html_response(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a page that nobody keeps."""
    return web.Response(
        body=text.encode("utf-8", "replace"),
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers={**PAGE_HEADERS, "Cache-Control": "no-store", **(headers or {})},
    )
