"""Webhooks: order, retries, refusals, expiry, rotation and redelivery, by a clock that is set by hand."""

import json
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from connectors.webhooks.signing import webhook_id
from schemas.identifiers import PartyAddress
from streams.registry import RegistryRefused
from tests.integration.ledger_room import ALMA
from tests.integration.webhook_room import AARHUS, ORIGIN, SCHOOL, Answer, Got, Receiver, WebhookRoom, room

__all__ = ["room"]


def failing(cases: set[str], status: int = 500) -> Callable[[Got], Answer]:
    return lambda got: Answer(status if got.case in cases else 204)


def test_messages_arrive_signed_numbered_and_as_cloudevents(room: WebhookRoom) -> None:
    receiver = room.receiver()
    secret = room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "b", "a")
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == [1, 2, 3]
    first = next(got for got in receiver.posts if got.sequence == 1)
    event = first.verified_by(secret)
    assert first.headers["content-type"] == "application/cloudevents+json"
    assert first.headers["webhook-request-origin"] == ORIGIN
    assert first.headers["webhook-id"] == webhook_id(AARHUS, 1)
    assert (event["type"], event["source"]) == ("dk.overgang.dropout-risk.v1", SCHOOL)
    assert event["data"]["citizen"]["cpr"] == ALMA["cpr"]
    assert (room.standing().cursor, room.exceptions()) == (3, {})
    with pytest.raises(WebhookVerificationError):
        first.verified_by("whsec_" + "A" * 43 + "=")


def test_nothing_is_posted_before_the_endpoint_agrees(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(consents=None))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    assert (len(receiver.asked), receiver.posts) == (1, [])
    assert receiver.asked[0].headers["webhook-request-origin"] == ORIGIN
    assert room.standing().state == "PENDING"
    assert "bears no WebHook-Allowed-Origin" in room.standing().because
    receiver.consents = "somebody.example"
    room.clock.move(seconds=1)
    room.turn(AARHUS)
    assert "names another" in room.standing().because
    receiver.consents = ORIGIN
    room.turn(AARHUS)
    assert len(receiver.asked) == 2, "asked again before its time"
    room.clock.move(seconds=3)
    room.turn(AARHUS)
    assert (room.standing().state, receiver.sequences()) == ("ACTIVE", [1])


def test_a_message_that_waits_holds_up_its_own_case_and_no_other(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"})))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "b", "a", "c", "a", None)
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == [2, 4, 6]
    assert [got.sequence for got in receiver.posts if got.case == "a"] == [1]
    assert room.standing().cursor == 6
    room.write(AARHUS, "a", "b")
    room.turn(AARHUS)
    assert receiver.sequences()[3:] == [8]
    receiver.answer = failing(set())
    room.clock.move(seconds=1)
    room.turn(AARHUS)
    assert receiver.sequences()[4:] == [1, 3, 5, 7]
    assert set(room.states().values()) == {"DELIVERED_LATE"}
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    assert receiver.sequences()[8:] == [9]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_a_case_holds_whatever_fails(room: WebhookRoom, seed: int) -> None:
    chance = random.Random(seed)
    failures = [500, 503, 429, 302]
    receiver = room.receiver()
    receiver.answer = lambda _: Answer(chance.choice(failures) if chance.random() < 0.4 else 204)
    room.add(AARHUS, receiver)
    written: dict[int, str] = {}
    for _ in range(6):
        cases = [chance.choice("abcdef") for _ in range(20)]
        written |= dict(zip(room.write(AARHUS, *cases), cases, strict=True))
        room.turn(AARHUS)
        room.clock.move(seconds=chance.choice([1, 5]))
    # Which post meets which answer is the threads' doing: an unlucky message waits up to three hours a try.
    for _ in range(500):
        if len(receiver.accepted) == len(written):
            break
        room.clock.move(seconds=600)
        room.turn(AARHUS)
    assert sorted(receiver.sequences()) == sorted(written)
    arrived: dict[str, list[int]] = defaultdict(list)
    for sequence in receiver.sequences():
        arrived[written[sequence]].append(sequence)
    assert all(numbers == sorted(numbers) for numbers in arrived.values())
    tries: dict[int, set[str]] = defaultdict(set)
    for got in receiver.posts:
        tries[got.sequence].add(got.headers["webhook-id"])
    assert all(len(ids) == 1 for ids in tries.values())
    assert len(receiver.posts) > len(written)


def test_tries_are_repeated_after_1_3_7_15_31_seconds_and_so_on_to_3_hours_until_the_message_expires(
    room: WebhookRoom,
) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"})))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "a")
    room.turn(AARHUS)
    began, waits = room.clock(), []
    while (one := room.exceptions()[1]).state == "WAITING":
        assert one.next_attempt_at is not None
        wait = min(one.next_attempt_at, one.expires_at) - room.clock()
        waits.append(int(wait.total_seconds()))
        room.clock.move(seconds=wait.total_seconds() - 0.001)
        tried = len(receiver.posts)
        room.turn(AARHUS)
        assert len(receiver.posts) == tried, "tried before its time"
        room.clock.move(seconds=0.001)
        room.turn(AARHUS)
    assert waits[:14] == [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191, 10800]
    assert set(waits[14:-1]) == {10800}
    assert room.clock() - began == timedelta(days=14)
    assert room.states() == {1: "EXPIRED", 2: "EXPIRED"}
    assert [(r["outcome"], r["recipient"]) for r in room.told()] == [("EXPIRED", AARHUS)] * 2
    assert {got.sequence for got in receiver.posts} == {1}


def test_a_refused_message_is_told_to_its_sender_and_lets_the_next_pass(room: WebhookRoom) -> None:
    receiver = room.receiver()
    receiver.answer = lambda got: Answer(422, body=b"secret words" if got.sequence == 1 else b"")
    receiver.answer = lambda got: Answer(422 if got.sequence == 1 else 204, body=b"secret words")
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "a")
    room.write(AARHUS, "a", source=PartyAddress("/gateway"))
    room.turn(AARHUS)
    assert receiver.sequences() == [2, 3]
    one = room.exceptions()[1]
    assert (one.state, one.attempts, one.last_status) == ("FAILED", 1, "answered 422")
    [receipt] = room.told()
    assert receipt == {
        "message_id": one.message_id,
        "recipient": AARHUS,
        "outcome": "REFUSED",
        "reason": "answered 422",
    }


def test_what_the_gateway_itself_sent_is_on_the_operators_list_only(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"}, 400)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", source=PartyAddress("/gateway"))
    room.turn(AARHUS)
    assert room.states() == {1: "FAILED"}
    assert (room.told(), room.told(PartyAddress("/gateway"))) == ([], [])


def test_a_receipt_and_its_exception_are_stored_together_or_not_at_all(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"}, 400)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    with psycopg.connect(room.database_url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE outbound ADD CONSTRAINT full_disk CHECK (recipient <> '/institution/280051')"
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            room.turn(AARHUS)
        assert (room.exceptions(), room.told(), room.standing().cursor) == ({}, [], 0)
        connection.execute("ALTER TABLE outbound DROP CONSTRAINT full_disk")
    room.wait(room.runs.pop(AARHUS).close())
    room.turn(AARHUS)
    assert (room.states(), len(room.told()), room.standing().cursor) == ({1: "FAILED"}, 1, 1)
    assert len({got.headers["webhook-id"] for got in receiver.posts}) == 1


def test_one_message_or_all_are_redelivered_under_the_same_id_and_the_sender_hears_of_it(
    room: WebhookRoom,
) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a", "b"}, 400)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "b", "a", "b")
    room.turn(AARHUS)
    assert set(room.states().values()) == {"FAILED"}
    receiver.answer = failing(set())
    assert room.changes.redeliver(AARHUS, timedelta(days=1), 3) == 1
    room.turn(AARHUS)
    assert (receiver.sequences(), room.states()[3]) == ([3], "DELIVERED_LATE")
    assert room.changes.redeliver(AARHUS, timedelta(days=1)) == 3
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == [1, 2, 3, 4]
    assert receiver.sequences().index(2) < receiver.sequences().index(4)
    assert {
        len([g for g in receiver.posts if g.headers["webhook-id"] == webhook_id(AARHUS, n)]) for n in (1, 2)
    } == {2}
    outcomes = [r["outcome"] for r in room.told()]
    assert outcomes == ["REFUSED"] * 4 + ["ACKNOWLEDGED"] * 4
    with pytest.raises(RegistryRefused, match="no message of that number failed"):
        room.changes.redeliver(AARHUS, timedelta(days=1), 3)
    assert room.changes.redeliver(AARHUS, timedelta(days=1)) == 0


def test_a_message_that_is_refused_again_after_redelivery_is_told_again(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"}, 400)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    for _ in range(2):
        room.changes.redeliver(AARHUS, timedelta(days=1), 1)
        room.turn(AARHUS)
    assert [r["outcome"] for r in room.told()] == ["REFUSED"] * 3


def test_an_expired_message_has_its_time_anew_when_it_is_redelivered(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"})))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    room.clock.move(days=15)
    room.turn(AARHUS)
    assert room.states() == {1: "EXPIRED"}
    room.changes.redeliver(AARHUS, timedelta(days=1), 1)
    room.turn(AARHUS)
    assert room.states() == {1: "WAITING"}
    receiver.answer = failing(set())
    room.clock.move(seconds=1)
    room.turn(AARHUS)
    assert room.states() == {1: "DELIVERED_LATE"}


def test_an_endpoint_that_is_gone_is_paused_and_goes_on_where_it_was(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"}, 410)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "a")
    room.turn(AARHUS)
    room.write(AARHUS, "b")
    room.clock.move(hours=4)
    room.turn(AARHUS)
    assert (room.standing().state, room.standing().because) == ("PAUSED", "answered 410 Gone")
    assert len(receiver.posts) == 1
    receiver.answer = failing(set())
    room.changes.resume(AARHUS)
    room.turn(AARHUS)
    assert (len(receiver.asked), room.standing().state) == (2, "ACTIVE")
    assert sorted(receiver.sequences()) == [1, 2, 3]
    with psycopg.connect(room.database_url) as connection:
        lines = connection.execute("SELECT actor, action FROM audit ORDER BY n").fetchall()
    assert lines == [
        ("tester", "put-webhook"),
        ("deliver", "activate-webhook"),
        ("deliver", "pause-webhook"),
        ("tester", "resume-webhook"),
        ("deliver", "activate-webhook"),
    ]


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_that_asks_to_be_left_alone_is(room: WebhookRoom, status: int) -> None:
    receiver = room.receiver()
    receiver.answer = lambda _: Answer(status, {"Retry-After": "120"})
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    room.write(AARHUS, "b")
    room.clock.move(seconds=119)
    room.turn(AARHUS)
    assert len(receiver.posts) == 1
    receiver.answer = failing(set())
    room.clock.move(seconds=1)
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == [1, 2]


def test_while_a_secret_is_rotated_both_verify_and_then_only_the_new_one(room: WebhookRoom) -> None:
    receiver = room.receiver()
    old = room.add(AARHUS, receiver)
    new = room.changes.rotate(AARHUS, timedelta(minutes=2)).text
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    [got] = receiver.posts
    assert got.verified_by(old) == got.verified_by(new)
    room.clock.move(minutes=2)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    later = receiver.posts[1]
    later.verified_by(new)
    with pytest.raises(WebhookVerificationError):
        later.verified_by(old)


def test_a_secret_that_is_replaced_at_once_signs_no_more(room: WebhookRoom) -> None:
    receiver = room.receiver()
    old = room.add(AARHUS, receiver)
    room.changes.rotate(AARHUS, timedelta(0))
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    with pytest.raises(WebhookVerificationError):
        receiver.posts[0].verified_by(old)


def test_a_paused_endpoint_gets_nothing_and_what_waits_expires(room: WebhookRoom) -> None:
    receiver = room.receiver()
    room.add(AARHUS, receiver)
    room.turn(AARHUS)
    room.changes.pause(AARHUS, "a holiday")
    room.write(AARHUS, "a", "b")
    room.turn(AARHUS)
    assert receiver.posts == []
    room.clock.move(days=14)
    room.turn(AARHUS)
    assert room.states() == {1: "EXPIRED", 2: "EXPIRED"}
    assert [r["outcome"] for r in room.told()] == ["EXPIRED", "EXPIRED"]


def test_an_endpoint_that_never_agreed_lets_nothing_expire(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(consents=None))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    room.clock.move(days=20)
    room.turn(AARHUS)
    assert (room.exceptions(), room.told()) == ({}, [])
    receiver.consents = "*"
    room.clock.move(hours=3)
    room.turn(AARHUS)
    assert receiver.sequences() == [1]


def test_an_endpoint_that_is_away_is_tried_one_message_at_a_time_and_catches_up_at_once(
    room: WebhookRoom,
) -> None:
    receiver = room.receiver(Receiver(answer=lambda _: Answer(502)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, *(f"case-{n}" for n in range(200)))
    for _ in range(60):
        room.turn(AARHUS)
        room.clock.move(seconds=1)
    # At 0, 1, 4, 11, 26 and 57 s, and what was on its way when the first answer came.
    assert 6 <= len(receiver.posts) < 60
    assert len(room.exceptions()) < 30
    receiver.answer = failing(set())
    room.clock.move(minutes=5)
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == list(range(1, 201))


def test_many_messages_that_fail_alone_do_not_make_an_endpoint_away(room: WebhookRoom) -> None:
    bad = {f"bad-{n}" for n in range(20)}
    receiver = room.receiver(Receiver(answer=failing(bad)))
    room.add(AARHUS, receiver)
    room.write(AARHUS, *sorted(bad), *(f"good-{n}" for n in range(20)))
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == list(range(21, 41))


def test_cases_that_are_merged_meanwhile_are_one_in_the_order_too(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"old"})))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "old", "other")
    room.turn(AARHUS)
    with psycopg.connect(room.database_url) as connection:
        for key, into in (("newest", None), ("new", "newest"), ("old", "new")):
            connection.execute("INSERT INTO cases (key, merged_into) VALUES (%s, %s)", (key, into))
    room.write(AARHUS, "newest", "old", "other")
    room.turn(AARHUS)
    assert sorted(receiver.sequences()) == [2, 5]
    receiver.answer = failing(set())
    room.clock.move(seconds=1)
    room.turn(AARHUS)
    assert receiver.sequences()[2:] == [1, 3, 4]


def test_a_message_whose_case_was_erased_is_not_sent_and_its_sender_is_told(room: WebhookRoom) -> None:
    receiver = room.receiver()
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a", "b")
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE keyring.case_keys SET wrapped = NULL WHERE case_key = 'a'")
    room.turn(AARHUS)
    assert (receiver.sequences(), room.states()) == ([2], {1: "EXPIRED"})
    assert "erased" in room.told()[0]["reason"]


def test_a_new_address_is_asked_before_it_gets_anything_and_goes_on_at_the_cursor(room: WebhookRoom) -> None:
    first, second = room.receiver(), room.receiver(Receiver(consents=None))
    room.add(AARHUS, first)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    assert room.changes.put(AARHUS, second.url) is None
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    assert (len(first.posts), second.posts) == (1, [])
    second.consents = "*"
    room.clock.move(seconds=1)
    room.turn(AARHUS)
    assert (len(first.posts), second.sequences()) == (1, [2])


def test_without_a_beginning_only_what_comes_from_now_on_is_posted(room: WebhookRoom) -> None:
    receiver = room.receiver()
    room.write(AARHUS, "a", "b")
    room.add(AARHUS, receiver, after=None)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    assert receiver.sequences() == [3]
    with pytest.raises(RegistryRefused, match="goes on where it was"):
        room.changes.put(AARHUS, receiver.url, 0)


def test_no_secret_and_no_identifier_stands_readable_in_a_table(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=failing({"a"}, 400)))
    secret = room.add(AARHUS, receiver)
    secrets = [secret, room.changes.rotate(AARHUS, timedelta(days=1)).text]
    room.write(AARHUS, "a", "b")
    room.turn(AARHUS)
    forbidden = [s.removeprefix("whsec_") for s in secrets] + [ALMA["cpr"], ALMA["family_name"]]
    seen = 0
    with psycopg.connect(room.database_url) as connection:
        for table in ("webhooks", "webhook_exceptions", "audit", "outbound"):
            for (row,) in connection.execute(f"SELECT to_jsonb(t) FROM {table} AS t".encode()):
                text = json.dumps(row)
                seen += 1
                assert not any(word in text or word.encode().hex() in text for word in forbidden), table
    assert seen >= 7
