"""The web client's files; every address that is not a file is the client's own and gets its first page."""

from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from portico.api.failures import MethodNotAllowed, RouteNotFound

STATIC = Path(__file__).parent / "static"
# Addresses that belong to programs; a mistake there is answered precisely, never with a page.
_NOT_PAGES = ("/api", "/v1", "/svc", "/ws", "/health", "/metrics", "/docs", "/openapi.json")
_FOREVER = "public, max-age=31536000, immutable"

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Portico</title>
<style>body{{font:16px/1.5 system-ui;max-width:42rem;margin:4rem auto;padding:0 1rem}}code{{background:#8882;padding:.1em .3em}}</style>
<h1>Portico is running</h1>
<p>The web client was not built into this installation. Build it with <code>npm --prefix web run build</code> and reload.</p>
<p>Everything else works: the <a href="/docs">API reference</a>, the API at <code>{base}/api/v1</code>, and
<a href="/health/ready">health</a>.</p></html>"""


class WebClient:
    """The router's last resort: what no route serves."""

    def __init__(self, base_url: str, folder: Path = STATIC) -> None:
        self.base_url, self.folder = base_url, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if any(path == each or path.startswith(each + "/") for each in _NOT_PAGES):
            raise RouteNotFound
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed(scope["method"])
        await self._page(path, Request(scope))(scope, receive, send)

    def _page(self, path: str, request: Request) -> Response:
        file = self._file(path)
        if file is not None:
            kept = _FOREVER if path.startswith("/assets/") else "no-cache"
            return _sent(file, kept, request)
        if Path(path).suffix:
            raise RouteNotFound
        index = self.folder / "index.html"
        if not index.is_file():
            return HTMLResponse(_NOT_BUILT.format(base=escape(self.base_url)), headers={"Cache-Control": "no-cache"})
        return _sent(index, "no-cache", request)

    def _file(self, path: str) -> Path | None:
        wanted = (self.folder / path.lstrip("/")).resolve()
        # resolve() first: neither .. nor a link may lead out of the folder.
        return wanted if wanted.is_relative_to(self.folder) and wanted.is_file() else None


def _sent(file: Path, kept: str, request: Request) -> Response:
    answer = FileResponse(file, headers={"Cache-Control": kept}, stat_result=file.stat())
    given = Headers(scope=request.scope).get("if-none-match")
    if given is not None and given == answer.headers["etag"]:
        return Response(status_code=304, headers={"Cache-Control": kept, "ETag": given})
    return answer
