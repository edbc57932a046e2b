"""A typed HTTP client of the API and the gateway: adds the credential, renews it, and turns refusals into failures."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from portico import __version__
from portico.cli.failures import ApiRefused, NotReachable, NotSignedIn
from portico.cli.profiles import Profile, Profiles

if TYPE_CHECKING:
    import httpx2

Item = dict[str, Any]
REFRESH_COOKIE = "portico_refresh"


@dataclass(frozen=True)
class Listing:
    items: list[Item]
    total: int | None
    next_cursor: str | None


class Client:
    """One connection to one Portico. `profiles` is where renewed tokens go; None keeps them in memory only."""

    def __init__(self, profile: Profile, profiles: Profiles | None = None, *, timeout_s: float = 60.0) -> None:
        import httpx2

        self.profile = profile
        self._profiles = profiles
        self._http = httpx2.Client(
            base_url=profile.url,
            timeout=httpx2.Timeout(timeout_s, connect=5.0),
            headers={"User-Agent": f"portico-cli/{__version__}"},
            trust_env=not profile.url.startswith(("http://127.", "http://localhost")),
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the API -------------------------------------------------------------------------------------------------

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Item:
        return self._json("GET", path, params=params)

    def post(self, path: str, body: Item | None = None) -> Item:
        return self._json("POST", path, body={} if body is None else body)

    def put(self, path: str, body: Item | None = None) -> Item:
        return self._json("PUT", path, body={} if body is None else body)

    def patch(self, path: str, body: Item) -> Item:
        return self._json("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        self._json("DELETE", path)

    def page(self, path: str, params: Mapping[str, Any] | None = None) -> Listing:
        answer = self.get(path, params)
        pagination = answer.get("pagination") or {}
        cursors = pagination.get("cursors") or {}
        return Listing(answer.get("items", []), pagination.get("total"), cursors.get("next"))

    def _json(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Item | None = None
    ) -> Item:
        kept = {name: value for name, value in (params or {}).items() if value is not None}
        response = self.send(method, f"/api/v1{path}", params=kept, json=body)
        raise_for_refusal(response)
        if response.status_code == 204 or not response.content:
            return {}
        answer = response.json()
        return answer if isinstance(answer, dict) else {"items": answer}

    # --- any path, the gateway's too -----------------------------------------------------------------------------

    def send(self, method: str, path: str, **kwargs: Any) -> "httpx2.Response":
        """The response as it came, whatever its status; a credential that has run out is renewed once."""
        headers = self._credential() | dict(kwargs.pop("headers", None) or {})
        with self._reaching():
            response = self._http.request(method, path, headers=headers, **kwargs)
        if response.status_code == 401 and "X-Portico-Origin" not in response.headers and self.profile.refresh_token:
            self.renew()
            with self._reaching():
                return self._http.request(method, path, headers=headers | self._credential(), **kwargs)
        return response

    @contextmanager
    def stream(self, method: str, path: str, **kwargs: Any) -> "Iterator[httpx2.Response]":
        with self._reaching(), self._http.stream(method, path, headers=self._credential(), **kwargs) as response:
            yield response

    @contextmanager
    def download(self, path: str) -> "Iterator[Iterator[bytes]]":
        """The answer in pieces as they come; what is refused is refused before the first."""
        if self.profile.refresh_token and not self.profile.access_token_is_fresh:
            self.renew()
        with self.stream("GET", f"/api/v1{path}") as response:
            if not response.is_success:
                response.read()
            raise_for_refusal(response)
            yield response.iter_bytes()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        import httpx2

        try:
            yield
        except httpx2.TimeoutException as error:
            raise NotReachable(self.profile.url, "no answer in time") from error
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise NotReachable(self.profile.url, str(error) or type(error).__name__) from error

    # --- signing in ----------------------------------------------------------------------------------------------

    def sign_in(self, email: str, password: str, org_id: str | None = None) -> Item:
        body = {"email": email, "password": password} | ({"org_id": org_id} if org_id else {})
        with self._reaching():
            response = self._http.post("/api/v1/auth/sign-in", json=body)
        return self._take_tokens(response)

    def switch(self, org_id: str, scope: str) -> Item:
        return self._take_tokens(self.send("POST", "/api/v1/auth/switch", json={"org_id": org_id, "scope": scope}))

    def renew(self) -> None:
        """A new access token for the refresh token; another command may have renewed it in the meantime."""
        if self._profiles is None:
            self._take_tokens(self._refresh())
            return
        with self._profiles.locked():
            stored = self._profiles.load(self.profile.name)
            if stored.access_token_is_fresh and stored.access_token != self.profile.access_token:
                self.profile = stored
                return
            self.profile = replace(self.profile, refresh_token=stored.refresh_token)
            self._take_tokens(self._refresh())
            self._profiles.save_locked(self.profile)

    def _refresh(self) -> "httpx2.Response":
        # Sent by hand: the cookie may be marked Secure, and the client would keep it back on loopback HTTP.
        self._http.cookies.clear()
        with self._reaching():
            return self._http.post(
                "/api/v1/auth/refresh", headers={"Cookie": f"{REFRESH_COOKIE}={self.profile.refresh_token}"}
            )

    def _take_tokens(self, response: "httpx2.Response") -> Item:
        raise_for_refusal(response)
        answer: Item = response.json()
        refresh_token = _cookie_of(response) or self.profile.refresh_token
        self._http.cookies.clear()
        self.profile = replace(
            self.profile,
            key="",
            access_token=answer["access_token"],
            access_token_until=int(time.time()) + int(answer["expires_in_s"]),
            refresh_token=refresh_token,
        )
        return answer

    def _credential(self) -> dict[str, str]:
        if self.profile.key:
            return {"Authorization": f"Bearer {self.profile.key}"}
        if self.profile.refresh_token and not self.profile.access_token_is_fresh:
            self.renew()
        return {"Authorization": f"Bearer {self.profile.access_token}"} if self.profile.access_token else {}


def _cookie_of(response: "httpx2.Response") -> str:
    for header in response.headers.get_list("set-cookie"):
        name, _, rest = header.partition("=")
        if name.strip() == REFRESH_COOKIE:
            return rest.partition(";")[0]
    return ""


def raise_for_refusal(response: "httpx2.Response") -> None:
    """Nothing for a 2xx; else the failure that says what, to what, and what to do next."""
    if response.is_success:
        return
    correlation_id = response.headers.get("x-request-id", "")
    try:
        envelope = response.json()
        error = envelope.get("error") or {}
        message, code = str(envelope.get("message") or error.get("message") or ""), str(envelope.get("code") or "")
        details = str(error.get("details") or "")
        fields = [f"{field['field']}: {field['message']}" for field in error.get("fields") or []]
        correlation_id = envelope.get("correlation_id") or correlation_id
    except (ValueError, AttributeError, KeyError, TypeError):
        message, code, details, fields = response.text[:500], "", "", []
    told = "; ".join(fields) if fields else message or response.reason_phrase
    request = response.request
    what = f"{request.method} {request.url.path}: {told} ({response.status_code}{' ' + code if code else ''})"
    if response.status_code == 401:
        raise NotSignedIn(what, correlation_id=correlation_id)
    raise ApiRefused(what, code=code, status=response.status_code, next_step=details, correlation_id=correlation_id)
