from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.domains.webhooks.signing import SignatureRefused, Stamp, new_secret, signed_headers, verify
from tests.webhooks.receivers import Request, key_bytes, ours_accepts, standard_accepts, standard_signature_is_right

AT = datetime.now(UTC)
STAMP = Stamp("7d3f3a3e-0000-4000-8000-000000000001", "service.created", 3, AT)


def request(body: bytes, *secrets: str, stamp: Stamp = STAMP) -> Request:
    return Request({name.lower(): value for name, value in signed_headers(stamp, body, secrets)}, body)


def stamp_of_now() -> Stamp:
    """The library judges by the real time, and a whole run of the tests is longer than its five minutes."""
    return replace(STAMP, at=datetime.now(UTC))


def test_a_secret_is_32_random_bytes_behind_its_prefix() -> None:
    made = {new_secret() for _ in range(20)}
    assert len(made) == 20
    assert {(each[:6], len(key_bytes(each))) for each in made} == {("whsec_", 32)}


@pytest.mark.req("C26", "SS26")
@given(body=st.text(max_size=200).map(str.encode))
def test_any_body_passes_both_checks_as_it_was_sent_and_no_other_does(body: bytes) -> None:
    secret = new_secret()
    sent = request(body, secret)
    assert ours_accepts(secret, sent, AT)
    assert standard_signature_is_right(secret, sent)
    verify(secret, sent.headers, body, AT)
    changed = Request(sent.headers, body + b" ")
    assert not ours_accepts(secret, changed, AT)
    assert not standard_signature_is_right(secret, changed)
    with pytest.raises(SignatureRefused):
        verify(secret, changed.headers, changed.body, AT)


@pytest.mark.req("C26", "SS26")
def test_the_library_of_the_specification_verifies_what_is_sent() -> None:
    secret = new_secret()
    sent = request(b'{"type":"service.created"}', secret, stamp=stamp_of_now())
    assert standard_accepts(secret, sent)
    assert not standard_accepts(new_secret(), sent)


@pytest.mark.req("C26")
def test_while_two_secrets_are_valid_each_of_them_verifies() -> None:
    new, old = new_secret(), new_secret()
    sent = request(b"{}", new, old)
    for secret in (new, old):
        assert ours_accepts(secret, sent, AT)
        assert standard_accepts(secret, request(b"{}", new, old, stamp=stamp_of_now()))
        verify(secret, sent.headers, sent.body, AT)
    assert sent.headers["x-webhook-signature"].count("sha256=") == 2
    assert len(sent.headers["webhook-signature"].split(" ")) == 2


@pytest.mark.req("C26")
def test_the_headers_say_what_when_and_how_often() -> None:
    headers = dict(signed_headers(STAMP, b"{}", [new_secret()]))
    assert headers["X-Webhook-Id"] == headers["webhook-id"] == STAMP.delivery_id
    assert headers["X-Webhook-Timestamp"] == headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert (headers["X-Webhook-Event"], headers["X-Webhook-Attempt"]) == ("service.created", "3")


@pytest.mark.req("C26")
@pytest.mark.parametrize("late", [timedelta(seconds=301), timedelta(seconds=-302)])
def test_what_is_not_of_these_five_minutes_is_refused(late: timedelta) -> None:
    secret = new_secret()
    sent = request(b"{}", secret)
    verify(secret, sent.headers, b"{}", AT + timedelta(seconds=299))
    with pytest.raises(SignatureRefused, match="last 5 minutes"):
        verify(secret, sent.headers, b"{}", AT + late)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-webhook-timestamp": "now", "x-webhook-signature": "sha256=00"},
        {"x-webhook-timestamp": "9" * 400, "x-webhook-signature": "sha256=00"},
        {"x-webhook-timestamp": str(int(AT.timestamp())), "x-webhook-signature": ""},
        {"x-webhook-timestamp": str(int(AT.timestamp())), "x-webhook-signature": "ü,,sha256="},
    ],
)
def test_headers_that_make_no_sense_are_refused_and_break_nothing(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureRefused) as refused:
        verify(new_secret(), headers, b"{}", AT)
    assert refused.value.row.e_code == "E9703"
