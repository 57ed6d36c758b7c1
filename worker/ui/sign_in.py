"""Signing in: a page asks for the token once and keeps a session in a cookie; signing out forgets it."""

from __future__ import annotations

import re

from aiohttp import web

from worker.http.guard import SIGN_IN_PATH, session_cookie, token_of
from worker.http.ports import Services
from worker.http.token import SESSION_SECONDS
from worker.ui.layout import SIGN_OUT_PATH, Frame, framed
from worker.ui.markup import Markup, markup
from worker.ui.responses import html_response

__all__ = ["SignIn"]

_NEXT = re.compile(r"/(ui(/[^\\\s]*)?|docs)?")  # pages of ours, and nothing that leads elsewhere
_OVERVIEW = "/ui/"
_WRONG = Markup('<p id="wrong" class="reason bad" role="alert">That is not this worker\'s token.</p>')
_AT_FAULT = Markup(' aria-invalid="true" aria-describedby="wrong"')


class SignIn:
    """`/ui/sign-in` and `/ui/sign-out` of a worker that has a token."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        token = token_of(settings)
        if token is None:
            raise ValueError("without BATCH_API_TOKEN there is nothing to sign in to")
        self._token = token
        self._cookie = session_cookie(settings)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(SIGN_IN_PATH, self.show),
            web.post(SIGN_IN_PATH, self.enter),
            web.post(SIGN_OUT_PATH, self.leave),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        there = _next(request.query.get("next"))
        if self._token.is_session(request.cookies.get(self._cookie)):
            raise web.HTTPSeeOther(there)
        return html_response(_page(there))

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Take the token of the form: on to the page that was asked for, or the form again with 401."""
        form = await request.post()
        given, there = form.get("token"), _next(form.get("next"))
        if not isinstance(given, str) or not self._token.matches(given.strip()):
            return html_response(_page(there, wrong=True), 401, {"WWW-Authenticate": "Bearer"})
        answer = web.HTTPSeeOther(there)
        answer.set_cookie(
            self._cookie,
            self._token.new_session(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="Strict",
            # behind a proxy with TLS only the browser knows that its side is https
            secure=request.headers.get("Origin", "").startswith("https://"),
        )
        raise answer

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """Forget the session in this browser."""
        answer = web.HTTPSeeOther(SIGN_IN_PATH)
        answer.del_cookie(self._cookie)
        raise answer


def _next(there: object) -> str:
    if not isinstance(there, str) or there == SIGN_OUT_PATH or not _NEXT.fullmatch(there):
        return _OVERVIEW
    return there


def _page(there: str, *, wrong: bool = False) -> str:
    body = markup(
        '<h1>Sign in</h1><section class="panel">{wrong}'
        "<p>This worker asks for its token, the value of <code>BATCH_API_TOKEN</code>.</p>"
        '<form method="post" action="{action}" class="filter">'
        '<input type="hidden" name="next" value="{there}">'
        '<label>Token <input type="password" name="token" autocomplete="current-password" required autofocus'
        '{at_fault}></label><button type="submit">Sign in</button></form></section>',
        wrong=_WRONG if wrong else Markup(),
        action=SIGN_IN_PATH,
        there=there,
        at_fault=_AT_FAULT if wrong else Markup(),
    )
    return framed(Frame(title="Sign in", signed_out=True), body)
