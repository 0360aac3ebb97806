"""The ledger on a real PostgreSQL: one transaction a batch, and what follows from its facts."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.problems import ErrorClass, InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey
from schemas.wire import decode
from streams.failures import Fenced
from streams.ledger import deciding
from streams.ledger.fingerprints import WrongKey
from streams.ledger.ledger import Ledger
from tests.integration.ledger_room import (
    ALMA,
    KEY,
    NOW,
    Partition,
    admission,
    checked,
    contacted,
    ledger_on,
    notice,
    rows,
    status,
    take,
)

Row = tuple[str, str | None, str, int]


def tasks(database_url: str) -> list[Row]:
    return rows(database_url, "SELECT kind, recipient, state, revision FROM tasks ORDER BY kind")


def sent(database_url: str, kind: str | None = None) -> list[tuple[str, str]]:
    return [
        (recipient, type_.split(".")[2])
        for recipient, type_ in rows(database_url, "SELECT recipient, type FROM outbound ORDER BY n")
        if kind is None or type_.split(".")[2] == kind
    ]


def test_a_notice_becomes_a_task_and_is_forwarded_to_the_responsible_municipality(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        done = take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28")])
    assert (done.accepted, done.duplicates, done.tasks, done.outgoing) == (1, 0, 1, 2)
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/751", "OPEN", 1)]
    assert sent(database_url) == [("/municipality/751", "dropout-risk"), ("/municipality/751", "task")]


def test_the_same_message_again_is_counted_and_changes_nothing(database_url: str) -> None:
    partition, raised = Partition("dropout-risk"), notice()
    with ledger_on(database_url) as ledger:
        take(ledger, partition, [raised, raised])
        done = take(ledger, partition, [raised])
    assert (done.accepted, done.duplicates, done.tasks) == (0, 1, 0)
    assert rows(database_url, "SELECT duplicates, warnings FROM inbox") == [(2, ["REPLACEMENT_CPR"])]
    assert rows(database_url, "SELECT count(*) FROM task_revisions") == [(1,)]


def test_other_content_under_a_known_id_keeps_the_first_and_tells_the_sender(database_url: str) -> None:
    first = notice()
    other = {**first, "data": {**first["data"], "observed_on": "2026-09-30"}}
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [first, other])
        [[payload]] = rows(
            database_url, "SELECT payload FROM outbound WHERE recipient = '/institution/280051'"
        )
        receipt = decode(ledger.vault.open(None, payload))[1]
    assert (receipt["outcome"], receipt["warnings"]) == ("DUPLICATE", ["ID_REUSED"])
    assert rows(database_url, "SELECT duplicates, warnings FROM inbox") == [
        (1, ["REPLACEMENT_CPR", "ID_REUSED"])
    ]


def test_a_batch_whose_position_was_moved_changes_nothing(database_url: str) -> None:
    partition = Partition("dropout-risk")
    decoded = [checked(notice())]
    batch = partition.batch(decoded)
    with ledger_on(database_url) as ledger:
        ledger.apply(batch, decoded, NOW)
        with pytest.raises(Fenced):
            ledger.apply(batch, decoded, NOW)
        stored = ledger.position(batch.topic, 0)
    assert stored is not None
    assert stored.next == 1
    assert rows(database_url, "SELECT count(*), sum(duplicates) FROM inbox") == [(1, 0)]


def test_of_two_workers_with_the_same_batch_one_is_fenced(database_url: str) -> None:
    decoded = [checked(notice())]
    batch = Partition("dropout-risk").batch(decoded)
    start = threading.Barrier(2)

    def work(ledger: Ledger) -> str:
        start.wait()
        try:
            ledger.apply(batch, decoded, NOW)
        except Fenced:
            return "fenced"
        return "applied"

    with (
        ledger_on(database_url) as one,
        ledger_on(database_url) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        assert sorted(threads.map(work, [one, other])) == ["applied", "fenced"]
    assert rows(database_url, "SELECT count(*) FROM inbox") == [(1,)]


def test_the_task_follows_the_citizen_and_the_old_municipality_is_told(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28")])
        moved = status("101", "2026-10-02", "2026-10-02T09:30:00+02:00")
        take(ledger, Partition("citizen-status"), [moved])
        payloads = rows(
            database_url,
            "SELECT recipient, case_key, payload FROM outbound WHERE type LIKE '%%task%%' ORDER BY n",
        )
        told = [(r, decode(ledger.vault.open(k, p))[1]) for r, k, p in payloads]
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/101", "OPEN", 2)]
    assert [(r, t["state"], t["revision"]) for r, t in told] == [
        ("/municipality/751", "OPEN", 1),
        ("/municipality/751", "WITHDRAWN", 2),
        ("/municipality/101", "OPEN", 2),
    ]
    assert sent(database_url, "dropout-risk") == [
        ("/municipality/751", "dropout-risk"),
        ("/municipality/101", "dropout-risk"),
    ]


def test_an_institution_learns_that_a_municipality_reacted_and_nothing_more(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28")])
        take(ledger, Partition("follow-up"), [contacted()])
        [[key, payload]] = rows(
            database_url, "SELECT case_key, payload FROM outbound WHERE recipient = '/institution/280051'"
        )
        _, seen = decode(ledger.vault.open(key, payload))
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/751", "DONE", 2)]
    assert (seen["event"], str(seen["on"]), seen["form"]) == ("CONTACTED", "2026-10-02", None)
    assert set(seen["citizen"].values()) == {None}


def test_a_task_bears_the_traceparent_of_what_changed_it_and_none_when_only_time_did(
    database_url: str,
) -> None:
    def traced(event: dict[str, Any], number: int) -> dict[str, Any]:
        return event | {"traceparent": f"00-{number:032x}-{number:016x}-01"}

    with ledger_on(database_url) as ledger:
        opening = notice(study_start_on="2026-09-28", citizen=ALMA)
        other = notice(NOW.isoformat(), enrolment_id="E-2", citizen=ALMA)
        take(ledger, Partition("dropout-risk"), [traced(opening, 1), traced(other, 2)])
        ledger.decide_due(datetime(2026, 10, 8, 22, tzinfo=UTC), 10)
        closing = contacted(notice_id=opening["id"])
        take(ledger, Partition("follow-up"), [traced(closing, 3)], datetime(2026, 10, 9, 8, tzinfo=UTC))
        found = rows(
            database_url,
            "SELECT case_key, payload, attributes->>'traceparent' FROM outbound"
            " WHERE type = 'dk.overgang.task.v1' ORDER BY n",
        )
        told = [(decode(ledger.vault.open(key, payload))[1], trace) for key, payload, trace in found]
    of_opening = [
        (task["state"], trace and int(trace[3:35], 16))
        for task, trace in told
        if opening["id"] in map(str, task["caused_by"])
    ]
    assert of_opening == [("OPEN", 1), ("OVERDUE", None), ("DONE", 3)]
    of_other = next(trace for task, trace in told if other["id"] in map(str, task["caused_by"]))
    assert int(of_other[3:35], 16) == 2


def test_a_deadline_that_passes_makes_the_task_overdue_once(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28")])
        # due 8 October, so overdue from midnight in Copenhagen on the 9th
        midnight = datetime(2026, 10, 8, 22, tzinfo=UTC)
        assert ledger.decide_due(midnight - timedelta(seconds=1), 10) == 0
        assert ledger.decide_due(midnight, 10) == 1
        assert ledger.decide_due(midnight, 10) == 0
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", None, "OVERDUE", 2)]


def test_a_refused_input_is_kept_with_its_bytes_and_its_sender_is_told(database_url: str) -> None:
    fault = InvalidMessage(ErrorClass.INVALID, (Problem("data.on", "is missing", "send an ISO date"),))
    partition = Partition("follow-up")
    batch = partition.batch([fault])
    claimed = (("ce_source", b"/municipality/751"), ("ce_id", b"3c8ac9f5-6f0e-4a52-8f6a-5b1c3a0f8f60"))
    item = batch.inputs[0]
    batch = type(batch)(
        *(getattr(batch, name) for name in batch.__slots__[:-1]),
        inputs=(type(item)(item.offset, b"key", claimed, b"\xff\x00 raw"),),
    )
    with ledger_on(database_url) as ledger:
        done = ledger.apply(batch, [fault], NOW)
        [[error_class, reasons, original]] = rows(
            database_url, "SELECT error_class, reasons, original FROM quarantine"
        )
        assert b"/wAgcmF3" in ledger.vault.open(None, original)  # base64 of the value
        [[payload]] = rows(database_url, "SELECT payload FROM outbound")
        receipt = decode(ledger.vault.open(None, payload))[1]
    assert done.quarantined == {("INVALID", None): 1}
    assert (error_class, reasons[0]["field"]) == ("INVALID", "data.on")
    assert (receipt["outcome"], receipt["message_id"]) == (
        "QUARANTINED",
        "3c8ac9f5-6f0e-4a52-8f6a-5b1c3a0f8f60",
    )


def test_a_case_that_cannot_be_decided_is_stuck_alone_and_recovers(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"citizen": {"cpr": "7405034124", "residence_municipality": "101"}}
    fine = notice(**other, study_start_on="2026-09-28")
    real = deciding.decide
    broken = checked(notice()).subject

    def fails_for_one(facts, *rest):  # type: ignore[no-untyped-def]
        if facts[0].subject == broken:
            raise ZeroDivisionError("holds 7405034123")
        return real(facts, *rest)

    partition = Partition("dropout-risk")
    with ledger_on(database_url) as ledger:
        monkeypatch.setattr(deciding, "decide", fails_for_one)
        done = take(ledger, partition, [notice(), fine])
        assert (done.accepted, done.stuck) == (2, (broken,))
        assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/101", "OPEN", 1)]
        [[because]] = rows(database_url, "SELECT stuck_because FROM cases WHERE stuck_at IS NOT NULL")
        assert because.startswith("ZeroDivisionError at ")
        assert "7405034123" not in because
        monkeypatch.setattr(deciding, "decide", real)
        take(ledger, partition, [notice("2026-10-01T11:00:00+02:00")])
    assert rows(database_url, "SELECT count(*) FROM cases WHERE stuck_at IS NOT NULL") == [(0,)]
    [[caused_by]] = rows(database_url, "SELECT caused_by FROM tasks WHERE recipient IS NULL")
    assert len(caused_by) == 2


def test_what_a_rolled_back_transaction_made_is_not_remembered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition, decoded = Partition("dropout-risk"), [checked(notice())]
    batch = partition.batch(decoded)
    with ledger_on(database_url) as ledger:
        with monkeypatch.context() as broken:
            broken.setattr("streams.ledger.apply.receipts", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                ledger.apply(batch, decoded, NOW)
        with ledger_on(database_url) as other:
            other.apply(batch, decoded, NOW)
        later = partition.batch([checked(notice("2026-10-01T12:00:00+02:00"))])
        ledger.apply(later, [checked(notice("2026-10-01T12:00:00+02:00"))], NOW)
        payloads = rows(database_url, "SELECT case_key, payload FROM facts")
        assert all(other.vault.open(key, payload) for key, payload in payloads)
    assert len(payloads) == 2


def test_no_identifier_name_or_birth_date_stands_readable_in_any_row(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("enrolment"), [admission()])
        take(ledger, Partition("dropout-risk"), [notice()])
        take(ledger, Partition("follow-up"), [contacted()])
    names = rows(
        database_url,
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema IN ('public', 'keyring')",
    )
    everything = "\n".join(
        str(row) for schema, name in names for row in rows(database_url, f"SELECT * FROM {schema}.{name}")
    )
    assert "CONTACT_YOUNG_PERSON" in everything
    for secret in ("7405034123", "Testesen", "Alma", "2003-05-14", "740503"):
        assert secret not in everything


def test_a_ledger_refuses_another_pseudonym_key(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        ledger.check_key(KEY)
        ledger.check_key(KEY)
        with pytest.raises(WrongKey, match="OVERGANG_PSEUDONYM_KEY_FILE"):
            ledger.check_key(PseudonymKey(bytes(32)))
