"""Who may ask: the `Host` must be one of ours (DNS rebinding), a change may not come from a foreign page."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from config.settings import Settings
from worker.http.problems import Problem

__all__ = ["guard"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def guard(settings: Settings) -> Middleware:
    """Return the middleware that refuses foreign hosts and origins (403)."""
    allowed = frozenset(
        name.strip().strip("[]").rstrip(".").lower()
        for name in (settings.web_host, *settings.allowed_hosts.split(","))
        if name.strip()
    )

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        name, _ = _name_and_port(f"//{host}")
        if name is None or not (_is_loopback(name) or name in allowed):
            raise Problem(
                "FORBIDDEN_HOST",
                f"this worker does not answer for the host `{host}`",
                "use http://127.0.0.1 or http://localhost, or add the name to BATCH_ALLOWED_HOSTS",
            )
        origin = request.headers.get("Origin")
        if origin is not None and request.method not in _SAFE_METHODS and not _same_origin(origin, host):
            raise Problem(
                "FORBIDDEN_ORIGIN",
                f"a page of `{origin}` may not change anything here",
                "send the request from this worker's own pages or from a program",
            )
        return await handler(request)

    return check


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
