"""Places of those who wait at mailboxes: neither one system nor one party takes them all."""

from contextlib import ExitStack

import pytest

from connectors.mailbox.polls import NoPlace, Polls
from schemas.identifiers import PartyAddress, SystemId

PARTIES = [PartyAddress(f"/institution/{n:06}") for n in range(10)]
SYSTEMS = [SystemId(f"s-{n}") for n in range(10)]


def test_a_system_that_waits_for_many_parties_leaves_places_for_others() -> None:
    polls = Polls(most=10, most_of_one=4, most_of_system=5, most_of_party=6)
    with ExitStack() as held:
        for party in PARTIES[:5]:
            held.enter_context(polls.place(SYSTEMS[0], party))
        with pytest.raises(NoPlace) as full:
            held.enter_context(polls.place(SYSTEMS[0], PARTIES[5]))
        assert full.value.own
        held.enter_context(polls.place(SYSTEMS[1], PARTIES[5]))


def test_a_party_at_which_many_systems_wait_leaves_places_for_others() -> None:
    polls = Polls(most=10, most_of_one=4, most_of_system=5, most_of_party=6)
    with ExitStack() as held:
        for system in SYSTEMS[:6]:
            held.enter_context(polls.place(system, PARTIES[0]))
        with pytest.raises(NoPlace) as full:
            held.enter_context(polls.place(SYSTEMS[6], PARTIES[0]))
        assert full.value.own
        held.enter_context(polls.place(SYSTEMS[6], PARTIES[1]))
        assert polls.waiting == 7
    assert polls.waiting == 0
