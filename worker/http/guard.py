"""Who may ask: the `Host` must be one of ours (DNS rebinding), a change may not come from a foreign page, and
with `BATCH_API_TOKEN` a request carries the token, or the session that a browser got for it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from config.settings import Settings
from worker.http.problems import Problem
from worker.http.token import Token

__all__ = ["BY_SESSION", "OPEN_PATHS", "SIGN_IN_PATH", "guard", "session_cookie", "token_of"]

SIGN_IN_PATH = "/ui/sign-in"
OPEN_PATHS = frozenset(
    {"/healthz", "/readyz", "/metrics", SIGN_IN_PATH, "/ui/style.css", "/ui/icon.svg"},
)
"""What answers without the token: probes, metrics, and what the sign-in page is made of."""

BY_SESSION = web.RequestKey("BY_SESSION", bool)
"""True in a request when a browser's session stood for the token."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def token_of(settings: Settings) -> Token | None:
    """Return the token that requests must carry, None when there is none."""
    secret = settings.api_token
    return None if secret is None else Token(secret.get_secret_value())


def session_cookie(settings: Settings) -> str:
    """Return the cookie's name: browsers do not tell ports apart, two workers on a host need two names."""
    return f"batch_session_{settings.web_port}"


def guard(settings: Settings) -> Middleware:
    """Return the middleware that refuses foreign hosts and origins (403), and who has no token (401)."""
    allowed = frozenset(
        name.strip().strip("[]").rstrip(".").lower()
        for name in (settings.web_host, *settings.allowed_hosts.split(","))
        if name.strip()
    )
    token = token_of(settings)
    cookie = session_cookie(settings)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_host(request, allowed)
        _check_origin(request)
        if token is not None and _resource(request) not in OPEN_PATHS:
            _check_token(request, token, cookie)
        return await handler(request)

    return check


def _check_host(request: web.Request, allowed: frozenset[str]) -> None:
    host = request.headers.get("Host", "")
    name, _ = _name_and_port(f"//{host}")
    if name is None or not (_is_loopback(name) or name in allowed):
        raise Problem(
            "FORBIDDEN_HOST",
            f"this worker does not answer for the host `{host}`",
            "use http://127.0.0.1 or http://localhost, or add the name to BATCH_ALLOWED_HOSTS",
        )


def _check_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    host = request.headers.get("Host", "")
    if origin is not None and request.method not in _SAFE_METHODS and not _same_origin(origin, host):
        raise Problem(
            "FORBIDDEN_ORIGIN",
            f"a page of `{origin}` may not change anything here",
            "send the request from this worker's own pages or from a program",
        )


def _check_token(request: web.Request, token: Token, cookie: str) -> None:
    authorization = request.headers.get("Authorization")
    if token.is_bearer(authorization):
        return
    if token.is_session(request.cookies.get(cookie)):
        # a browser sends its cookie for whoever asks it to; with a change it always says for whom
        if request.method not in _SAFE_METHODS and "Origin" not in request.headers:
            raise Problem(
                "FORBIDDEN_ORIGIN",
                "a session changes something only from this worker's own pages",
                "from a program, send the token as `Authorization: Bearer …`",
            )
        request[BY_SESSION] = True
        return
    if _is_page(request):
        raise web.HTTPSeeOther(f"{SIGN_IN_PATH}?next={quote(request.path_qs, safe='/')}")
    raise Problem(
        "UNAUTHORIZED",
        "this worker asks for a token" if authorization is None else "the token is not this worker's",
        "send the worker's BATCH_API_TOKEN as `Authorization: Bearer <token>`",
        headers=_CHALLENGE,
    )


def _resource(request: web.Request) -> str | None:
    """The path as its route is written: what the router takes for another path is another resource."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical


def _is_page(request: web.Request) -> bool:
    """Whether a person asks for a page, who can be asked for the token there."""
    path = request.path
    shown = path in ("/", "/ui", "/docs") or path.startswith("/ui/")
    return shown and "text/html" in request.headers.get("Accept", "")


def _name_and_port(url: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip(".") or None, parts.port
    except ValueError:
        return None, None


def _is_loopback(name: str) -> bool:
    if name in ("localhost", "::1"):
        return True
    octets = name.split(".")
    return len(octets) == 4 and octets[0] == "127" and all(o.isascii() and o.isdigit() for o in octets)


def _same_origin(origin: str, host: str) -> bool:
    """Compare by name and port; the scheme's default port may be left out on either side."""
    default = _DEFAULT_PORTS.get(urlsplit(origin).scheme) if "://" in origin else None
    if default is None:
        return False  # `null`, or no origin of the web
    name, port = _name_and_port(origin)
    own_name, own_port = _name_and_port(f"//{host}")
    return name is not None and name == own_name and (port or default) == (own_port or default)
