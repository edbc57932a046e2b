"""The book of idempotency keys: per caller, for the same request only, and across a kill."""

import os
from pathlib import Path

import pytest

from portico.gateway.idempotency import Answer, IdempotencyBook
from portico.gateway.refusals import BadIdempotencyKey, IdempotencyInFlight

DAY_S = 86_400.0
ANSWER: Answer = (201, [(b"Content-Type", b"application/json")], b'{"made": true}')


def open_book(path: Path, now: float = 0.0, most_bytes: int = 1_000_000) -> IdempotencyBook:
    return IdempotencyBook(path / "book.jsonl", most_bytes, DAY_S, now)


@pytest.mark.req("SP5")
def test_an_answer_given_before_a_kill_is_given_again_after_it(tmp_path: Path) -> None:
    before = open_book(tmp_path)
    assert before.begin("key_1", b"one", b"request", 0.0) is None
    before.finish("key_1", b"one", ANSWER)
    os.close(before._file)

    after = open_book(tmp_path, now=3600.0)
    assert after.begin("key_1", b"one", b"request", 3600.0) == ANSWER
    assert after.begin("key_2", b"one", b"request", 3600.0) is None, "another caller's key is another key"
    with pytest.raises(BadIdempotencyKey):
        after.begin("key_1", b"one", b"another request", 3600.0)


@pytest.mark.req("SP5")
def test_what_was_under_way_at_a_kill_is_neither_repeated_nor_answered(tmp_path: Path) -> None:
    open_book(tmp_path).begin("key_1", b"one", b"request", 0.0)
    with pytest.raises(IdempotencyInFlight, match="not known"):
        open_book(tmp_path).begin("key_1", b"one", b"request", 1.0)


def test_a_call_that_did_nothing_may_be_repeated_also_after_a_restart(tmp_path: Path) -> None:
    before = open_book(tmp_path)
    before.begin("key_1", b"one", b"request", 0.0)
    before.finish("key_1", b"one", None)
    assert before.begin("key_1", b"two", b"request", 0.0) is None
    assert open_book(tmp_path).begin("key_1", b"one", b"request", 1.0) is None


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    for key in (b"one", b"two"):
        book.begin("key_1", key, b"request", 0.0)
        book.finish("key_1", key, ANSWER)
    path = tmp_path / "book.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    after = open_book(tmp_path)
    assert after.begin("key_1", b"one", b"request", 1.0) == ANSWER


def test_a_day_later_a_key_is_new_again(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.begin("key_1", b"one", b"request", 0.0)
    book.finish("key_1", b"one", ANSWER)
    book.forget_old(DAY_S - 1)
    assert book.begin("key_1", b"one", b"request", DAY_S - 1) == ANSWER
    book.forget_old(DAY_S + 1)
    assert book.begin("key_1", b"one", b"request", DAY_S + 1) is None
    assert open_book(tmp_path / "elsewhere").begin("key_1", b"one", b"request", 0.0) is None


def test_the_oldest_answers_make_room_but_running_calls_stay(tmp_path: Path) -> None:
    book = open_book(tmp_path, most_bytes=1000)
    book.begin("key_1", b"running", b"request", 0.0)
    for number in range(10):
        book.begin("key_1", b"%d" % number, b"request", 0.0)
        book.finish("key_1", b"%d" % number, ANSWER)
    assert book.begin("key_1", b"9", b"request", 1.0) == ANSWER
    assert book.begin("key_1", b"0", b"request", 1.0) is None
    with pytest.raises(IdempotencyInFlight):
        book.begin("key_1", b"running", b"request", 1.0)
