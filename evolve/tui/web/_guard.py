"""Who may speak to the server: nobody without the secret, and no page of another site."""

from __future__ import annotations

import hmac
import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

TOKEN = "token"
"""Name of the query parameter that carries the secret."""

_OURS = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.ASCII)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-read=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Refuses every request that is not of the person to whom the address was shown.

    - `Host` must name this machine by its loopback address, under any port (`ssh -L` may change it): a
      page of another site that has its own name resolve to 127.0.0.1 cannot pass.
    - `Origin`, which browsers send with every websocket, must be the page's own: cookies are sent by pages
      of other ports too.
    - The secret comes once in the query of the page and from then on in a cookie that no script can read
      and no other site can have sent.
    """

    def __init__(self, port: int) -> None:
        self.secret = secrets.token_urlsafe(32)
        self._cookie = f"evolve-watch-{port}"  # cookies do not tell ports apart

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 403 to strangers; see `aiohttp.web.middleware`."""
        refusal = self._refusal(request)
        if refusal is not None:
            return web.Response(status=403, text=refusal + "\n")
        return await handler(request)

    async def seal(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add to every response what keeps the browser from going elsewhere with it."""
        response.headers.update(_HEADERS)
        if _OURS.fullmatch(request.host):
            response.headers["Content-Security-Policy"] = _POLICY.format(host=request.host)

    def admit(self, response: web.StreamResponse) -> None:
        """Hand the secret over as a cookie, with the page."""
        response.set_cookie(self._cookie, self.secret, httponly=True, samesite="Strict", path="/")

    def _refusal(self, request: web.Request) -> str | None:
        if not _OURS.fullmatch(request.host):
            return (
                "The address must begin with http://127.0.0.1 or http://localhost. From another machine, "
                "forward the port: ssh -L PORT:127.0.0.1:PORT MACHINE"
            )
        origin = request.headers.get("Origin")
        if origin != f"http://{request.host}" and (origin is not None or "Upgrade" in request.headers):
            return "Only pages of this address may ask for this."
        if self._knows_secret(request):
            return None
        return "The secret is missing or wrong: open the whole address that `evolve watch --web` has printed."

    def _knows_secret(self, request: web.Request) -> bool:
        shown = [request.cookies.get(self._cookie, "")]
        if request.path == "/":
            shown.append(request.query.get(TOKEN, ""))
        known = self.secret.encode()
        return any(hmac.compare_digest(text.encode(errors="replace"), known) for text in shown)
