"""Personal numbers are put together at run time, so that none stands in a file."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import (
    institution_address,
    is_cvr,
    is_eessi_institution,
    looks_like_cpr,
    municipality_address,
    parse_cpr,
    parse_party,
)

WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)


def personal_number(day: int, month: int, year: int, serial: int) -> str:
    return f"{day:02}{month:02}{year:02}{serial:04}"


def weighted_sum(number: str) -> int:
    return sum(weight * int(digit) for weight, digit in zip(WEIGHTS, number, strict=True))


@pytest.mark.parametrize(
    ("seventh", "year", "born"),
    [
        (0, 0, 1900),
        (0, 99, 1999),
        (3, 36, 1936),
        (3, 37, 1937),
        (4, 36, 2036),
        (4, 37, 1937),
        (4, 99, 1999),
        (5, 57, 2057),
        (5, 58, 1858),
        (6, 0, 2000),
        (7, 58, 1858),
        (8, 57, 2057),
        (8, 99, 1899),
        (9, 0, 2000),
        (9, 36, 2036),
        (9, 37, 1937),
    ],
)
def test_the_seventh_digit_and_the_year_give_the_century(seventh: int, year: int, born: int) -> None:
    assert parse_cpr(personal_number(74, 5, year, seventh * 1000 + 123)).birth_date == date(born, 5, 14)


def test_a_number_is_read_with_and_without_hyphen() -> None:
    assert parse_cpr("740503-4123") == parse_cpr("7405034123")
    assert parse_cpr("740503-4123").number == "7405034123"
    assert parse_cpr("740503-4123").birth_date == date(2003, 5, 14)


def test_day_plus_60_is_a_replacement_number_and_its_check_digit_is_not_judged() -> None:
    for last_digit in range(10):
        cpr = parse_cpr(f"740503412{last_digit}")
        assert cpr.replacement
        assert cpr.mod11


def test_a_check_digit_that_does_not_fit_is_only_a_flag() -> None:
    fitting = next(
        number
        for serial in range(4000, 4011)
        if weighted_sum(number := personal_number(14, 5, 3, serial)) % 11 == 0
    )
    other = f"{int(fitting) + 1:010}"
    assert parse_cpr(fitting).mod11
    assert not parse_cpr(fitting).replacement
    assert not parse_cpr(other).mod11
    assert parse_cpr(other).birth_date == parse_cpr(fitting).birth_date == date(2003, 5, 14)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "740503412",
        "74050341234",
        "740503 4123",
        " 7405034123",
        "7405034123\n",
        "740503--4123",
        "7405-034123",
        "74050341٢3",
        "abcdef4123",
    ],
)
def test_anything_but_ten_digits_and_one_hyphen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ten digits"):
        parse_cpr(text)


@pytest.mark.parametrize(
    ("day", "month", "year", "serial"),
    [
        (31, 2, 3, 4123),  # 31 February
        (91, 2, 3, 4123),  # and as a replacement number
        (89, 2, 0, 123),  # 29 February 1900, which was no leap year
        (0, 5, 3, 4123),
        (60, 5, 3, 4123),
        (92, 5, 3, 4123),
        (74, 0, 3, 4123),
        (74, 13, 3, 4123),
    ],
)
def test_a_date_that_is_not_in_the_calendar_is_refused(day: int, month: int, year: int, serial: int) -> None:
    number = personal_number(day, month, year, serial)
    with pytest.raises(ValueError, match="must be a date") as refusal:
        parse_cpr(number)
    assert number not in str(refusal.value)


def test_a_leap_day_of_2000_exists() -> None:
    assert parse_cpr(personal_number(89, 2, 0, 4123)).birth_date == date(2000, 2, 29)


def test_the_text_form_of_a_personal_number_hides_it() -> None:
    assert "7405034123" not in repr(parse_cpr("7405034123"))


@pytest.mark.parametrize("text", ["7405034123", "740503-4123", "740503 4123", " 7405034123 "])
def test_the_shape_of_a_personal_number_is_seen(text: str) -> None:
    assert looks_like_cpr(text)


def test_the_shape_of_an_ordinary_number_and_of_a_leap_day_are_seen() -> None:
    assert looks_like_cpr(personal_number(14, 5, 3, 4123))
    assert looks_like_cpr(personal_number(29, 2, 1, 4123))


@pytest.mark.parametrize(
    "text", ["", "E1", "740503412", "74050341234", "E7405034123", "3213034123", "7413034123", "9902034123"]
)
def test_other_ids_do_not_look_like_a_personal_number(text: str) -> None:
    assert not looks_like_cpr(text)


@given(st.text().filter(lambda text: not looks_like_cpr(text)))
def test_no_refusal_of_a_personal_number_repeats_it(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"\A(write ten digits|the first six digits must be a date)"
    ) as refusal:
        parse_cpr(text)
    assert str(refusal.value) in (
        "write ten digits, with or without a hyphen after the sixth",
        "the first six digits must be a date (ddmmyy; day + 60 in a replacement number)",
    )


@given(st.dates(date(1858, 1, 1), date(2057, 12, 31)), st.integers(0, 999))
def test_every_number_that_parses_looks_like_one(born: date, serial: int) -> None:
    seventh = 0 if 1900 <= born.year < 2000 else 5
    number = personal_number(born.day + 60, born.month, born.year % 100, seventh * 1000 + serial)
    assert looks_like_cpr(number)
    assert parse_cpr(number).number == number
    if born.year < 1900 or born.year >= 2000:
        assert parse_cpr(number).birth_date == born


def test_parties_have_a_role_and_a_number() -> None:
    assert parse_party("/institution/012345") == ("institution", "012345")
    assert parse_party("/municipality/751") == ("municipality", "751")
    assert parse_party("/gateway") == ("gateway", "")
    assert municipality_address("751") == "/municipality/751"
    assert institution_address("012345") == "/institution/012345"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "751",
        "/municipality/75",
        "/municipality/7511",
        "/institution/28005",
        "/gateway/",
        "/gateway/1",
        "/Municipality/751",
        "/municipality/751\n",
        " /gateway",
        "/municipality/٧٥١",
        "institution/280051",
    ],
)
def test_any_other_address_is_refused_with_the_three_forms(text: str) -> None:
    with pytest.raises(
        ValueError, match="/institution/ and 6 digits, /municipality/ and 3 digits, or /gateway"
    ):
        parse_party(text)


def test_a_cvr_number_has_eight_digits_and_a_check_digit() -> None:
    # 2*1 + 7*0 + 6*0 + 5*0 + 4*0 + 3*0 + 2*4 + 1*1 = 11
    assert is_cvr("10000041")
    assert not is_cvr("10000042")
    assert not is_cvr("1000004")
    assert not is_cvr("DK10000041")


def test_an_eessi_institution_is_a_country_and_an_id() -> None:
    assert is_eessi_institution("DE:0411")
    assert is_eessi_institution("UK:a.B-c_9")
    assert is_eessi_institution("EL:" + "1" * 64)
    assert not is_eessi_institution("EL:" + "1" * 65)
    assert not is_eessi_institution("de:0411")
    assert not is_eessi_institution("DE:")
    assert not is_eessi_institution("DE:04 11")
