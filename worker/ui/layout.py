"""The frame around every page: head, navigation, the line that says whether the page is live."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from worker.ui.markup import Markup, joined, markup
from worker.ui.words import sentence

__all__ = ["SIGN_OUT_PATH", "Frame", "framed", "problem_page", "signed_in"]

RELOAD_SECONDS = 5  # without JavaScript
SIGN_OUT_PATH = "/ui/sign-out"

signed_in: ContextVar[bool] = ContextVar("signed_in", default=False)
"""Whether the page being made is for a browser with a session, which can then sign out."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{reload}<title>{title}</title>
<link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ui/style.css">
{script}</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="/ui/"><img src="/ui/icon.svg" alt="" width="22" height="22">Batch worker</a>
{navigation}</header>
<main id="main" tabindex="-1"{live}>
{body}
</main>
<div id="said" class="unseen" aria-live="polite"></div>
</body>
</html>
"""

_SCRIPT = Markup('<script src="/ui/live.js" defer></script>\n')
_NAVIGATION = '<nav aria-label="Pages"><ul>{links}</ul></nav>\n<p id="live" role="status"></p>\n{sign_out}'
_SIGN_OUT = (
    '<form method="post" action="{action}" class="sign-out"><button type="submit">Sign out</button></form>\n'
)
_PAGES = (("Overview", "/ui/"), ("Jobs", "/ui/jobs"), ("Models", "/ui/models"), ("API", "/docs"))


@dataclass(frozen=True, slots=True)
class Frame:
    """`section` is the page's entry in the navigation. A live page renews itself when something changes.

    `signed_out` is the frame of those who may not see more: neither navigation nor script.
    """

    title: str
    section: str | None = None
    live: bool = False
    job_id: str | None = None  # only this job's changes concern the page
    signed_out: bool = False


def framed(frame: Frame, body: Markup) -> str:
    """Return the whole page."""
    reload = markup(
        '<noscript><meta http-equiv="refresh" content="{seconds}"></noscript>\n', seconds=RELOAD_SECONDS
    )
    live = markup(' data-live="{job_id}"', job_id=frame.job_id or "")
    return markup(
        _PAGE,
        reload=reload if frame.live else Markup(),
        title=f"{frame.title} · Batch worker",
        script=Markup() if frame.signed_out else _SCRIPT,
        navigation=Markup() if frame.signed_out else _navigation(frame.section),
        live=live if frame.live else Markup(),
        body=body,
    )


def problem_page(title: str, message: str, hint: str, code: str, back: str = "/ui/") -> str:
    """A request of a page that could not be granted."""
    body = markup(
        '<h1>{title}</h1><section class="panel bad"><p>{message}</p><p>{hint}</p>'
        '<p class="quiet"><code>{code}</code></p></section><p><a href="{back}">Back</a></p>',
        title=title,
        message=sentence(message),
        hint=sentence(hint),
        code=code,
        back=back,
    )
    return framed(Frame(title=title), body)


def _navigation(section: str | None) -> Markup:
    return markup(
        _NAVIGATION,
        links=joined(_link(name, href, section) for name, href in _PAGES),
        sign_out=markup(_SIGN_OUT, action=SIGN_OUT_PATH) if signed_in.get() else Markup(),
    )


def _link(name: str, href: str, section: str | None) -> Markup:
    current = Markup(' aria-current="page"') if name == section else Markup()
    return markup('<li><a href="{href}"{current}>{name}</a></li>', href=href, current=current, name=name)
