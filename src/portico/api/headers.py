"""Headers that browsers heed: what a page may load, who may frame it, and which other origins may call."""

from collections.abc import Callable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        # The component library writes its styles into the page; scripts may never do so.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
_ALWAYS = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-XSS-Protection", "1; mode=block"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


class SecurityHeaders:
    def __init__(self, app: ASGIApp, *, production: bool) -> None:
        self.app = app
        self.headers = (*_ALWAYS, _TRANSPORT) if production else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        private = scope["path"].startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self.headers:
                    answer[name] = value
                if private:
                    answer.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Cors:
    """Cross-origin calls from the origins in server.allowed_origins, also after they were changed and reloaded."""

    def __init__(self, app: ASGIApp, *, origins: Callable[[], Sequence[str]]) -> None:
        self.app, self.origins = app, origins
        self._allowed, self._cors = self._build()

    def _build(self) -> tuple[tuple[str, ...], ASGIApp]:
        allowed = tuple(self.origins())
        return allowed, CORSMiddleware(
            self.app,
            allow_origins=allowed,
            allow_credentials=True,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id", "traceparent"),
            expose_headers=("X-Request-Id", "traceparent", "Retry-After"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if tuple(self.origins()) != self._allowed:
            self._allowed, self._cors = self._build()
        await self._cors(scope, receive, send)
