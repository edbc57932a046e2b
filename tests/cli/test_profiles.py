import json
import time

import pytest

from portico.cli.failures import WrongUsage
from portico.cli.profiles import Profile, Profiles
from tests.cli.conftest import Answer, Asked, Desk, Run, listing

ME = {
    "person": {"id": "per_1", "email": "a@b.example", "name": "Ada", "is_superadmin": False},
    "key": None,
    "org": {"id": "org_1", "name": "Demo", "slug": "demo"},
    "scope": "ENTERPRISE",
    "role": "admin",
    "permissions": [],
    "orgs": [{"id": "org_1", "name": "Demo", "slug": "demo", "role": "admin", "is_owner": True, "scopes": []}],
}


def signed_in(token: str, refresh: str) -> Answer:
    body = {"access_token": token, "expires_in_s": 3600, "me": ME}
    return Answer(200, body, {"Set-Cookie": f"portico_refresh={refresh}; HttpOnly; Secure; Path=/api/v1/auth"})


def log_in(run: Run, desk: Desk) -> None:
    desk.answers["POST /api/v1/auth/sign-in"] = signed_in("access-1", "refresh-1")
    result = run("login", "--email", "a@b.example", key=None, input="correct horse battery\n")
    assert result.exit_code == 0, result.stderr


def test_login_keeps_tokens_and_no_password_in_a_private_file(run: Run, desk: Desk, tmp_path) -> None:
    log_in(run, desk)
    path = tmp_path / ".config" / "portico" / "config.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    kept = Profiles(path).load("default")
    assert (kept.url, kept.access_token, kept.refresh_token) == (desk.url, "access-1", "refresh-1")
    assert "correct horse" not in path.read_text()


def test_a_token_that_ran_out_is_renewed_with_the_refresh_token(run: Run, desk: Desk, tmp_path) -> None:
    log_in(run, desk)
    profiles = Profiles(tmp_path / ".config" / "portico" / "config.toml")
    stored = profiles.load("default")
    profiles.save(Profile("default", desk.url, "", stored.access_token, int(time.time()) - 1, stored.refresh_token))

    def refresh(asked: Asked) -> Answer:
        assert asked.headers["cookie"] == "portico_refresh=refresh-1"
        return signed_in("access-2", "refresh-2")

    desk.answers["POST /api/v1/auth/refresh"] = refresh
    desk.on("GET /api/v1/keys", listing())
    from typer.testing import CliRunner

    from portico.cli.main import app

    result = CliRunner().invoke(app, ["keys", "list"], env={"PORTICO_URL": None, "PORTICO_KEY": None})
    assert result.exit_code == 0, result.output
    assert desk.asked[-1].headers["authorization"] == "Bearer access-2"
    assert profiles.load("default").refresh_token == "refresh-2"


def test_a_credential_is_not_sent_to_another_portico(run: Run, desk: Desk, tmp_path) -> None:
    profiles = Profiles(tmp_path / ".config" / "portico" / "config.toml")
    profiles.save(Profile("default", "http://127.0.0.1:1", key="pk_1_other"))
    desk.on("GET /api/v1/keys", listing())
    run("keys", "list", key=None)
    assert "authorization" not in desk.asked[0].headers


def test_logging_in_with_a_key_checks_it_first(run: Run, desk: Desk, tmp_path) -> None:
    desk.on("GET /api/v1/auth/me", {**ME, "person": None, "key": {"id": "key_1", "name": "bot"}})
    result = run("login", "--key", "--json", key=None, input="pk_22222222_secret\n")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["key"]["name"] == "bot"
    assert Profiles(tmp_path / ".config" / "portico" / "config.toml").load("default").key == "pk_22222222_secret"


def test_logout_forgets_even_when_the_portico_is_gone(run: Run, desk: Desk, tmp_path) -> None:
    profiles = Profiles(tmp_path / ".config" / "portico" / "config.toml")
    profiles.save(Profile("default", "http://127.0.0.1:1", "", "a", int(time.time()) + 900, "r"))
    result = run("logout", key=None)
    assert result.exit_code == 0, result.stderr
    assert profiles.load("default").refresh_token == ""


def test_a_broken_profile_file_says_what_to_do(tmp_path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[profiles")
    with pytest.raises(WrongUsage) as caught:
        Profiles(path).load("default")
    assert "sign in again" in caught.value.next_step
