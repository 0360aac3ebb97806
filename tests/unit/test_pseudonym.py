import base64
import hashlib
import hmac
import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.key_file import KeyFileError
from schemas.pseudonym import (
    PseudonymKey,
    case_key_of_eu,
    load_or_make_key,
    pseudonym_of_citizen,
)

KEY = PseudonymKey(bytes(range(32)))
OTHER_KEY = PseudonymKey(bytes(32))


def pseudonym(institution: str | None = None, **fields: Any) -> str | None:
    return pseudonym_of_citizen(KEY, fields, institution=institution)


def test_a_pseudonym_is_the_first_128_bits_of_the_keyed_hash_in_base32() -> None:
    whole = hmac.new(bytes(range(32)), b"cpr:7405034123", hashlib.sha256).digest()
    expected = base64.b32encode(whole[:16]).decode()[:26].lower()
    assert pseudonym(cpr="7405034123") == expected
    assert len(expected) == 26


def test_one_citizen_has_one_pseudonym_however_the_number_is_written() -> None:
    assert pseudonym(cpr="740503-4123") == pseudonym(cpr="7405034123")
    foreign = pseudonym(foreign_id={"country": "DE", "number": "65 170839 J 003"})
    assert foreign == pseudonym(foreign_id={"country": "DE", "number": "65170839j003"})
    assert foreign == pseudonym(foreign_id={"country": "DE", "number": "65.170839-J/003"})


def test_the_same_number_in_another_country_is_another_citizen() -> None:
    german = pseudonym(foreign_id={"country": "DE", "number": "1234"})
    assert german != pseudonym(foreign_id={"country": "SE", "number": "1234"})


def test_the_personal_number_wins_over_a_foreign_one() -> None:
    both = pseudonym(cpr="7405034123", foreign_id={"country": "DE", "number": "1"}, family_name="Testesen")
    assert both == pseudonym(cpr="7405034123")


def test_another_key_gives_another_pseudonym() -> None:
    one = {"cpr": "7405034123"}
    assert pseudonym_of_citizen(KEY, one, institution=None) != pseudonym_of_citizen(
        OTHER_KEY, one, institution=None
    )


def test_names_identify_only_with_an_institution_and_a_birth_date() -> None:
    person = {"family_name": "Müller", "forename": "Änne", "birth_date": date(1990, 3, 4)}
    assert pseudonym(**person) is None
    assert pseudonym("DE:0411", **{**person, "birth_date": None}) is None
    assert pseudonym("DE:0411", **{**person, "forename": None}) is None
    assert pseudonym("DE:0411", **person) is not None
    assert pseudonym("DE:0411", **person) != pseudonym("DE:0412", **person)


def test_names_are_compared_composed_and_without_case() -> None:
    born = date(1990, 3, 4)
    composed = pseudonym("DE:0411", family_name="M\u00fcller", forename="Strauß", birth_date=born)
    assert composed == pseudonym("DE:0411", family_name="MU\u0308LLER", forename="STRAUSS", birth_date=born)


def test_a_name_cannot_be_moved_from_one_field_to_the_other() -> None:
    born = date(1990, 3, 4)
    assert pseudonym("DE:1", family_name="a", forename="b c", birth_date=born) != pseudonym(
        "DE:1", family_name="a b", forename="c", birth_date=born
    )


def test_a_foreign_number_without_letters_or_digits_identifies_nobody() -> None:
    assert pseudonym(foreign_id={"country": "DE", "number": "--- "}) is None


@given(st.text(min_size=1, max_size=80).filter(lambda text: text.isascii()))
def test_the_key_of_an_eu_case_never_holds_its_number(number: str) -> None:
    key = case_key_of_eu(KEY, number)
    assert key.startswith("eu-")
    assert len(key) == 29
    assert len(number) < 4 or number not in key


def test_an_eu_case_never_shares_a_key_with_a_citizen() -> None:
    assert case_key_of_eu(KEY, "cpr:7405034123")[3:] != pseudonym(cpr="7405034123")


def test_a_key_is_32_bytes_and_never_printed() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PseudonymKey(b"short")
    assert str(KEY) == repr(KEY) == f"{KEY}" == "PseudonymKey(hidden)"


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pseudonym.key"
    first = load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_key(path) == first
    assert [file.name for file in path.parent.iterdir()] == ["pseudonym.key"]
    assert load_or_make_key(tmp_path / "another.key") != first


def _made(path: Path, start: Any, results: Any) -> None:
    start.wait()
    results.put(bytes(load_or_make_key(path)))


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(6), context.Queue()
    workers = [
        context.Process(target=_made, args=(tmp_path / "pseudonym.key", start, results)) for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    keys = {results.get(timeout=30) for _ in workers}
    for worker in workers:
        worker.join(timeout=30)
    assert keys == {bytes(load_or_make_key(tmp_path / "pseudonym.key"))}
    assert [file.name for file in tmp_path.iterdir()] == ["pseudonym.key"]


@pytest.mark.parametrize("text", ["000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f\n", None])
def test_a_key_may_be_hex_or_base64(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "pseudonym.key"
    path.write_text(text or base64.b64encode(bytes(range(32))).decode())
    path.chmod(0o600)
    assert load_or_make_key(path) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_mend(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pseudonym.key"
    load_or_make_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_or_make_key(path)


@pytest.mark.parametrize("content", [b"", b"not a key", b"QUJD", b"\xff\xfe", b"00" * 31, b"A" * 5000])
def test_a_file_without_a_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pseudonym.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="restore it from a backup"):
        load_or_make_key(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_hold_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match="OVERGANG_PSEUDONYM_KEY_FILE"):
        load_or_make_key(tmp_path / "file" / "pseudonym.key")
    with pytest.raises(KeyFileError, match=os.strerror(21)):
        load_or_make_key(tmp_path)
