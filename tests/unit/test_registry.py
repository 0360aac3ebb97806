"""Who may do what, as one frozen picture: spans, suspension, parties that ended."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import PartyAddress, SystemId
from streams.registry import Credential, CredentialKind, Grant, Party, Registry, Right, System

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHOOL = PartyAddress("/institution/280051")
DESK = SystemId("desk")
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def registry(*grants: Grant, party: Party | None = None, suspended: datetime | None = None) -> Registry:
    parties = {SCHOOL: party or Party(SCHOOL, "School", date(2020, 1, 1))}
    return Registry(1, parties, {DESK: System(DESK, "Desk", suspended)}, {DESK: grants})


def sending(begins: datetime, ends: datetime | None = None) -> Grant:
    return Grant(1, DESK, SCHOOL, Right.SEND, None, begins, ends)


@given(INSTANTS, INSTANTS, INSTANTS)
def test_a_grant_holds_from_its_begin_until_before_its_end(
    one: datetime, two: datetime, at: datetime
) -> None:
    begins, ends = sorted((one, two))
    assert registry(sending(begins, ends)).may(DESK, Right.SEND, SCHOOL, at) == (begins <= at < ends)
    assert registry(sending(begins)).may(DESK, Right.SEND, SCHOOL, at) == (begins <= at)


def test_to_send_is_not_to_read_nor_for_another() -> None:
    known = registry(sending(NOW))
    assert known.may(DESK, Right.SEND, SCHOOL, NOW)
    assert not known.may(DESK, Right.READ, SCHOOL, NOW)
    assert not known.may(DESK, Right.SEND, PartyAddress("/institution/280052"), NOW)
    assert not known.may(SystemId("stranger"), Right.SEND, SCHOOL, NOW)


def test_a_suspended_system_may_do_nothing() -> None:
    assert not registry(sending(NOW), suspended=NOW).may(DESK, Right.SEND, SCHOOL, NOW)


def test_a_party_may_act_up_to_its_last_day() -> None:
    closed = Party(SCHOOL, "School", date(2020, 1, 1), date(2026, 11, 21))
    assert registry(sending(NOW), party=closed).may(DESK, Right.SEND, SCHOOL, NOW)
    assert not registry(sending(NOW), party=closed).may(DESK, Right.SEND, SCHOOL, NOW + timedelta(days=1))
    coming = Party(SCHOOL, "School", date(2026, 11, 22))
    assert not registry(sending(NOW), party=coming).may(DESK, Right.SEND, SCHOOL, NOW)


def test_after_its_last_day_the_successor_acts_for_a_party_and_only_then() -> None:
    one, two, three = (PartyAddress(f"/institution/28005{n}") for n in range(1, 4))
    known = Registry(
        1,
        {
            one: Party(one, "One", date(2020, 1, 1), date(2026, 11, 20), two),
            two: Party(two, "Two", date(2020, 1, 1), date(2026, 11, 21), three),
            three: Party(three, "Three", date(2020, 1, 1)),
        },
    )
    days = [NOW + timedelta(days=n) for n in (-1, 0, 1)]
    assert [known.acting_for(one, day) for day in days] == [one, two, three]
    assert [known.acting_for(three, day) for day in days] == [three] * 3
    alone = Registry(1, {one: Party(one, "One", date(2020, 1, 1), date(2026, 11, 20))})
    circle = Registry(1, {one: Party(one, "One", date(2020, 1, 1), date(2026, 11, 20), one)})
    assert alone.acting_for(one, NOW) == circle.acting_for(one, NOW) == one
    assert alone.acting_for(two, NOW) == two


def test_a_credential_proves_its_system_in_its_span_and_until_it_is_revoked() -> None:
    value = "ab" * 32

    def proved(credential: Credential, at: datetime) -> SystemId | None:
        known = Registry(1, credentials={(credential.kind, value): (credential,)})
        return known.proved(CredentialKind.CERTIFICATE, value, at)

    span = Credential(1, DESK, CredentialKind.CERTIFICATE, value, NOW, NOW + timedelta(days=1))
    assert proved(span, NOW) == DESK
    assert proved(span, NOW - timedelta(seconds=1)) is None
    assert proved(span, NOW + timedelta(days=1)) is None
    revoked = Credential(1, DESK, CredentialKind.CERTIFICATE, value, NOW, None, NOW)
    assert proved(revoked, NOW) is None
