"""The gateway's seal: each thing that it covers, changed alone, breaks it; keys come and go without a gap."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.identifiers import SystemId
from schemas.key_file import KeyFileError, load_or_make_secret
from schemas.seal import SEAL_HEADER, SealBroken, SealKey, Stamp, covered, seal, unsealed
from streams.seal_keys import SealKeys
from tests.notices import KAFKA_HEADERS, KAFKA_VALUE

TOPIC = "inbound.dropout-risk.v1"
KEY = SealKey(bytes(range(32)))
STAMP = Stamp(SystemId("school-admin"), 1_795_000_000_123)
RECORD = covered(TOPIC, KAFKA_HEADERS, KAFKA_VALUE)
_, SEALED = seal(KEY, RECORD, STAMP)

NAMES = st.sampled_from(["content-type", "ce_id", "ce_source", "ce_type", "ce_time", "ce_x"])
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=12)), max_size=6)
RECORDS = st.tuples(st.text(max_size=12), HEADERS, st.none() | st.binary(max_size=40))


def opened(record: bytes, header: bytes | None = SEALED, *keys: SealKey) -> Stamp:
    return unsealed(header, record, {key.id: key for key in keys or (KEY,)}.get)


def test_a_seal_tells_who_sent_the_record_and_when() -> None:
    assert opened(RECORD) == STAMP


@pytest.mark.parametrize("name", [name for name, _ in KAFKA_HEADERS])
def test_no_attribute_can_be_changed_taken_away_or_doubled(name: str) -> None:
    [content] = [content for known, content in KAFKA_HEADERS if known == name]
    others = [(known, value) for known, value in KAFKA_HEADERS if known != name]
    changes: list[list[tuple[str, bytes | None]]] = [
        [*others, (name, content + b" ")],
        [*others, (name, bytes([content[0] ^ 1]) + content[1:])],
        [*others, (name, b"")],
        [*others, (name, None)],
        list(others),
        [*others, (name, content), (name, content)],
        [*others, (f"{name}x", content)],
    ]
    for headers in changes:
        with pytest.raises(SealBroken):
            opened(covered(TOPIC, headers, KAFKA_VALUE))


def test_no_attribute_can_be_added() -> None:
    with pytest.raises(SealBroken):
        opened(covered(TOPIC, [*KAFKA_HEADERS, ("ce_causationid", b"c-1")], KAFKA_VALUE))


@pytest.mark.parametrize(
    "topic", ["inbound.mentor.v1", "x.inbound.dropout-risk.v1", "inbound.dropout-risk.v2"]
)
def test_a_record_cannot_be_moved_to_another_topic(topic: str) -> None:
    with pytest.raises(SealBroken, match="topic"):
        opened(covered(topic, KAFKA_HEADERS, KAFKA_VALUE))


@given(st.integers(0, len(KAFKA_VALUE) * 8 - 1))
def test_no_bit_of_the_value_can_be_changed(bit: int) -> None:
    value = bytearray(KAFKA_VALUE)
    value[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        opened(covered(TOPIC, KAFKA_HEADERS, bytes(value)))


@given(st.integers(0, len(SEALED) * 8 - 1))
def test_no_bit_of_the_seal_can_be_changed(bit: int) -> None:
    header = bytearray(SEALED)
    header[bit // 8] ^= 1 << bit % 8
    # The last digit of base64 holds two bits that say nothing; they are compared all the same.
    with pytest.raises(SealBroken):
        opened(RECORD, bytes(header))


@pytest.mark.parametrize(
    "other", [Stamp(SystemId("other-school"), STAMP.at_ms), Stamp(STAMP.system, STAMP.at_ms + 1)]
)
def test_neither_the_system_nor_the_time_of_a_seal_can_be_changed(other: Stamp) -> None:
    mac = SEALED.rpartition(b".")[2]
    forged = seal(KEY, RECORD, other)[1].rpartition(b".")[0] + b"." + mac
    with pytest.raises(SealBroken, match="does not fit"):
        opened(RECORD, forged)


def test_the_order_of_headers_and_headers_of_others_do_not_matter() -> None:
    shuffled = [*reversed(KAFKA_HEADERS), ("trace", b"1"), (SEAL_HEADER, b"whatever it says")]
    assert opened(covered(TOPIC, shuffled, KAFKA_VALUE)) == STAMP


@given(RECORDS, RECORDS)
def test_two_records_never_give_the_same_bytes(
    one: tuple[str, list[tuple[str, bytes | None]], bytes | None],
    two: tuple[str, list[tuple[str, bytes | None]], bytes | None],
) -> None:
    def sorted_of(record: tuple[str, list[tuple[str, bytes | None]], bytes | None]) -> object:
        return record[0], sorted(record[1], key=lambda header: header[0]), record[2]

    assume(sorted_of(one) != sorted_of(two))
    assert covered(*one) != covered(*two)


def test_where_a_part_ends_and_the_next_begins_is_covered() -> None:
    assert covered("a", [("ce_id", b"bc")], b"") != covered("a", [("ce_idb", b"c")], b"")
    assert covered("a", [], b"\0\0\0\1x") != covered("a", [("ce_", b"")], b"x")
    assert covered("a", [("ce_id", None)], b"") != covered("a", [("ce_id", b"")], b"")


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"v1",
        SEALED + b"=",
        SEALED[:-1],
        b" " + SEALED,
        b"v2" + SEALED[2:],
        b"\xff" * 90,
        b"v1....",
    ],
)
def test_what_is_no_seal_is_refused(header: bytes | None) -> None:
    with pytest.raises(SealBroken, match="not of the form"):
        opened(RECORD, header)


def test_a_key_that_is_not_known_is_told_as_such() -> None:
    with pytest.raises(SealBroken, match="OVERGANG_SEAL_KEYS_FILE"):
        opened(RECORD, SEALED, SealKey(bytes(32)))


def test_a_key_is_never_printed() -> None:
    assert base64.b64encode(KEY.secret).decode() not in repr(KEY)
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)


def test_a_key_made_by_one_process_is_the_other_ones_key(tmp_path: Path) -> None:
    here, there = SealKeys(tmp_path / "seal.keys"), SealKeys(tmp_path / "seal.keys")
    assert here.sealing() == there.sealing()
    assert (tmp_path / "seal.keys").stat().st_mode & 0o777 == 0o600


def put(file: Path, *keys: bytes) -> None:
    """As an operator does it: the file changes at once, whole."""
    draft = file.with_suffix(".new")
    draft.write_bytes(b"".join(base64.b64encode(key) + b"\n" for key in keys))
    draft.chmod(0o600)
    draft.rename(file)


def test_a_new_key_seals_and_older_ones_still_verify_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "seal.keys"
    now = 1_000.0
    monkeypatch.setattr("streams.seal_keys.time.monotonic", lambda: now)
    put(file, KEY.secret)
    edge, worker = SealKeys(file), SealKeys(file)
    new = SealKey(os.urandom(32))
    put(file, new.secret, KEY.secret)
    assert edge.sealing() == KEY, "it looks once a second"
    now += 1
    assert edge.sealing() == new
    assert worker.get(new.id) == new, "an id that is not known is looked for at once"
    assert unsealed(SEALED, RECORD, worker.get) == STAMP
    put(file, new.secret)
    now += 1
    with pytest.raises(SealBroken, match="OVERGANG_SEAL_KEYS_FILE"):
        unsealed(SEALED, RECORD, worker.get)


@pytest.mark.parametrize("spoil", ["empty", "open", "gone", "half"])
def test_while_a_changed_file_is_of_no_use_the_keys_of_before_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    file = tmp_path / "seal.keys"
    now = 1_000.0
    monkeypatch.setattr("streams.seal_keys.time.monotonic", lambda: now)
    put(file, KEY.secret)
    keys = SealKeys(file)
    match spoil:
        case "empty":
            file.write_bytes(b"")
        case "open":
            file.chmod(0o644)
        case "gone":
            file.unlink()
        case "half":
            file.write_bytes(base64.b64encode(KEY.secret)[:20])
    now += 1
    assert keys.sealing() == KEY
    assert file.exists() == (spoil != "gone"), "a lost file is not made anew: nobody else would know it"
    put(file, bytes(32))
    now += 1
    assert keys.sealing() == SealKey(bytes(32))


def test_a_file_of_one_key_holds_one(tmp_path: Path) -> None:
    put(tmp_path / "pseudonym.key", bytes(32), KEY.secret)
    with pytest.raises(KeyFileError, match="restore it"):
        load_or_make_secret(tmp_path / "pseudonym.key", "pseudonym key", "OVERGANG_PSEUDONYM_KEY_FILE")


def test_a_file_without_keys_is_refused_at_start(tmp_path: Path) -> None:
    put(tmp_path / "seal.keys")
    with pytest.raises(KeyFileError, match="seal key"):
        SealKeys(tmp_path / "seal.keys")
