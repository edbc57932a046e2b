from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from portico.api.app import create_app
from portico.api.web_client import WebClient
from portico.platform.deps import Deps

ENGINES = ("sqlite",)


@pytest.fixture
def app(deps: Deps, tmp_path: Path) -> FastAPI:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>the client</title>")
    (static / "assets" / "main-4f2a.js").write_text("console.log(1)")
    (tmp_path / "outside.txt").write_text("secret")
    (static / "link.txt").symlink_to(tmp_path / "outside.txt")
    opened = create_app(deps)
    opened.router.default = WebClient("http://portico.test", static)
    return opened


@pytest.mark.parametrize("path", ["/", "/services", "/services/pricing/versions"])
async def test_every_page_address_gets_the_first_page(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.text) == (200, "<title>the client</title>")
    assert response.headers["cache-control"] == "no-cache"


async def test_built_files_are_kept_for_good(client: httpx2.AsyncClient) -> None:
    response = await client.get("/assets/main-4f2a.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = await client.get("/assets/main-4f2a.js", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/assets/gone-1234.js", "/favicon.ico", "/api/unknown", "/api/v1/unknown", "/v1/unknown", "/svc", "/ws"]
)
async def test_a_missing_file_or_an_address_of_programs_is_404_not_a_page(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.req("HY15")
@pytest.mark.parametrize(
    "path", ["/../outside.txt", "/%2e%2e/outside.txt", "/assets/..%2f..%2foutside.txt", "/link.txt"]
)
async def test_no_path_leads_out_of_the_folder(client: httpx2.AsyncClient, path: str) -> None:
    assert "secret" not in (await client.get(path)).text


async def test_without_a_built_client_a_page_says_what_to_do(
    app: FastAPI, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    app.router.default = WebClient("http://portico.test", tmp_path / "nowhere")
    response = await client.get("/")
    assert response.status_code == 200
    assert "npm --prefix web run build" in response.text
