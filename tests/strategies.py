"""Valid messages of every flow, as a sender writes them in JSON; all people are synthetic.

Written from the contracts, not from the models: what comes from here and is refused shows a fault in either.
"""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from schemas.identifiers import Flow

Json = dict[str, Any]

NO_LONGER_THAN = datetime(2026, 6, 30, tzinfo=UTC)
"""No event of `events` is later, so that none lies in the future."""


def replacement_cprs() -> SearchStrategy[str]:
    """Replacement numbers (day + 60), which never belong to a person, with and without hyphen."""

    def written(day: int, month: int, year: int, serial: int, hyphen: str) -> str:
        return f"{day + 60:02}{month:02}{year:02}{hyphen}{serial:04}"

    days, months, years = st.integers(1, 28), st.integers(1, 12), st.integers(0, 99)
    return st.builds(written, days, months, years, st.integers(0, 9999), st.sampled_from(["", "-"]))


def iso_dates(first: date = date(2021, 1, 1), last: date = date(2027, 12, 31)) -> SearchStrategy[str]:
    return st.dates(first, last).map(date.isoformat)


def sender_ids() -> SearchStrategy[str]:
    """Ids as senders choose them; the letter in front keeps them from looking like a personal number."""
    return st.from_regex(r"[A-ZÆØÅ][A-Za-z0-9./_-]{0,30}", fullmatch=True)


def one_line(longest: int = 60) -> SearchStrategy[str]:
    inner = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=longest - 2)
    return inner.map(lambda text: f"Å{text}é")


def free_text(longest: int) -> SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=min(longest, 200))


def uuids() -> SearchStrategy[str]:
    return st.uuids().map(str)


def digits(count: int) -> SearchStrategy[str]:
    return st.integers(0, 10**count - 1).map(lambda number: f"{number:0{count}}")


def one_of(values: str) -> SearchStrategy[str]:
    return st.sampled_from(values.split())


def codes() -> SearchStrategy[str]:
    return st.from_regex(r"[A-Z]{2,8}_[0-9]{1,3}", fullmatch=True)


def record(
    _optional: dict[str, SearchStrategy[Any]] | None = None, **required: SearchStrategy[Any]
) -> SearchStrategy[Json]:
    """An object with all the required fields and any of the optional ones."""
    return st.fixed_dictionaries(required, optional=_optional)


FOREIGN_ID = record(country=one_of("DE SE EL PL NO UK"), number=one_line())
NAMES = {"family_name": one_line(), "forename": one_line()}
BORN = iso_dates(date(1950, 1, 1), date(2010, 12, 31))
RESIDENCE = {"residence_municipality": digits(3) | st.none()}

CITIZEN = record(
    {**NAMES, **RESIDENCE, "foreign_id": FOREIGN_ID, "birth_date": BORN}, cpr=replacement_cprs()
) | record({**NAMES, **RESIDENCE, "birth_date": BORN, "cpr": st.none()}, foreign_id=FOREIGN_ID)
EU_CITIZEN = CITIZEN | record(RESIDENCE, **NAMES, birth_date=BORN)
_CONTACT_REST = {"title": free_text(200), "unit": free_text(200) | st.none()}
EMAIL = st.from_regex(r"[a-z]{1,10}@[a-z]{1,10}\.dk", fullmatch=True)
CONTACT = record({**_CONTACT_REST, "phone": one_line()}, name=one_line(), email=EMAIL) | record(
    {**_CONTACT_REST, "email": st.none()}, name=one_line(), phone=one_line()
)
EDUCATION = record(
    {"title": free_text(200)}, code=digits(4), qualifies=one_of("STUDY VOCATIONAL PREPARATORY")
)
FORM = one_of("IN_PERSON VIDEO PHONE LETTER")
DAY = iso_dates()
MAYBE_DAY = DAY | st.none()


def _dropout_risks() -> SearchStrategy[Json]:
    reasons = st.lists(one_of("ABSENCE ACADEMIC WELLBEING SOCIAL FINANCIAL OTHER"), max_size=6)
    optional = {
        "study_start_on": MAYBE_DAY,
        "reasons": reasons,
        "absence_percent": st.integers(0, 100),
        "note": free_text(500),
        "contact": CONTACT,
    }
    common = {"citizen": CITIZEN, "enrolment_id": sender_ids(), "observed_on": DAY}
    raised = record(optional, **common, event=st.just("RAISED"))
    return raised | record(optional, **common, event=st.just("WITHDRAWN"), notice_id=uuids())


def _eu_registrations() -> SearchStrategy[Json]:
    optional = {
        "entitled_from": DAY,
        "register_by": MAYBE_DAY,
        "circumstances": st.lists(codes(), max_size=4),
        "address": free_text(2000),
        "nationality": st.lists(one_of("DE SE EL"), max_size=3),
    }
    required = {
        "citizen": EU_CITIZEN,
        "eu_case_id": sender_ids(),
        "registered_on": DAY,
        "document_presented": st.booleans(),
        "competent_institution": record({"name": one_line()}, id=one_of("DE:0411 UK:A.b-c_9 EL:1")),
        "ceased_available_on": DAY,
        "legal_basis": one_of("ART_64 WITHDRAWAL_AGREEMENT"),
    }
    until, days = {"entitled_until": DAY}, {"max_days": st.integers(1, 200)}
    return record({**optional, **until}, **required) | record({**optional, **days}, **required)


def _corrections() -> SearchStrategy[Json]:
    assigned = record(citizen=CITIZEN, municipality=digits(3)) | record(
        eu_case_id=sender_ids(), municipality=digits(3)
    )
    merged = record(citizen=CITIZEN, into=CITIZEN)
    return (
        record(
            {"of": one_of("/institution/280051 /municipality/751 /gateway")},
            reason=one_line(),
            retracts=uuids(),
        )
        | record(reason=one_line(), assigns=assigned)
        | record(reason=one_line(), merges=merged)
    )


_AT_ENROLMENT = {"enrolment_id": sender_ids(), "institution": digits(6) | st.none()}

DATA: dict[Flow, SearchStrategy[Json]] = {
    "enrolment": record(
        {
            "admitted_on": DAY,
            "study_start_on": MAYBE_DAY,
            "ended_on": DAY,
            "end_reason": codes(),
            "contact": CONTACT,
        },
        citizen=CITIZEN,
        enrolment_id=sender_ids(),
        event=one_of("ADMITTED STARTED CHANGED CANCELLED DROPPED_OUT COMPLETED"),
        education=EDUCATION,
    ),
    "dropout-risk": _dropout_risks(),
    "contact-details": record(
        {"acknowledges": uuids(), "valid_from": MAYBE_DAY},
        citizen=CITIZEN,
        enrolment_id=sender_ids(),
        institution=digits(6),
        contact=CONTACT,
    ),
    "citizen-status": record(
        {
            "target_group": st.integers(1, 13).map(lambda number: f"LAB_6_{number}"),
            "readiness": one_of("OBVIOUSLY_EDUCATION_READY EDUCATION_READY ACTIVITY_READY JOB_READY"),
            "vocational_qualification": st.booleans() | st.none(),
            "mentor_exempt": st.booleans(),
            "contact_persons": st.lists(one_of("UNDER_25 AFTERCARE"), max_size=2),
        },
        citizen=CITIZEN,
        responsible=st.booleans(),
        valid_from=DAY,
    ),
    "education-order": record(
        {"support_note": free_text(2000), "support_note_for_institution": st.booleans()},
        citizen=CITIZEN,
        institution=digits(6),
        education=EDUCATION,
        ordered_on=DAY,
        support_need=one_of("NONE SOME EXTENSIVE UNKNOWN"),
        contact=CONTACT,
    ),
    "mentor": record(
        {
            **_AT_ENROLMENT,
            "mentor": record(contact=CONTACT, kind=one_of("INTERNAL EXTERNAL INSTITUTION")),
            "used_from": DAY,
            "planned_end": MAYBE_DAY,
            "min_plan_reference": sender_ids(),
            "end_reason": codes(),
        },
        citizen=CITIZEN,
        event=one_of("GUIDED REQUESTED DECLINED ASSIGNED EXTENDED ENDED"),
        on=DAY,
    ),
    "follow-up": record(
        {**_AT_ENROLMENT, "notice_id": uuids(), "form": FORM, "initiatives": st.lists(codes(), max_size=3)},
        citizen=CITIZEN,
        event=one_of("ATTEMPTED CONTACTED DECIDED"),
        on=DAY,
    ),
    "conversation-form": record(
        {"unemployed_since": DAY, "reason": free_text(2000)},
        citizen=CITIZEN,
        event=one_of("CHOSEN OVERRIDDEN"),
        form=FORM,
        on=DAY,
    ),
    "eu-registration": _eu_registrations(),
    "correction": _corrections(),
    "eu-event": record(
        {
            "citizen": EU_CITIZEN,
            "sed_type": one_of("U007 U008 U009 U010 U012 U013 U014 PD_U3"),
            "cdm_version": one_of("4.2 4.3"),
            "month": st.dates(date(2022, 1, 1), date(2027, 12, 31)).map(lambda day: f"{day:%Y-%m}"),
            "detail": free_text(2000),
        },
        eu_case_id=sender_ids(),
        event=one_of("SED_SENT SED_RECEIVED CIRCUMSTANCE DEREGISTERED RETURNED TOOK_WORK DIED"),
        on=DAY,
    ),
}
"""Data of each flow as JSON."""

_SENDERS: dict[Flow, str] = {
    "enrolment": "/institution/280051 /institution/012345",
    "dropout-risk": "/institution/280051 /institution/012345",
    "contact-details": "/institution/280051 /municipality/751",
    "correction": "/institution/280051 /municipality/751 /gateway",
    "eu-event": "/municipality/751 /gateway",
}


def events(flow: Flow) -> SearchStrategy[Json]:
    """Structured CloudEvents of one flow from one who may send it, at any time since 2022."""
    times = st.datetimes(datetime(2022, 1, 1), NO_LONGER_THAN.replace(tzinfo=None), timezones=st.just(UTC))  # noqa: DTZ001
    return record(
        {"datacontenttype": st.just("application/json"), "correlationid": uuids()},
        specversion=st.just("1.0"),
        id=uuids(),
        source=one_of(_SENDERS.get(flow, "/municipality/751 /municipality/101")),
        type=st.just(f"dk.overgang.{flow}.v1"),
        time=times.map(datetime.isoformat),
        data=DATA[flow],
    )
