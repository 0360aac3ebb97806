"""Shares of what is in hand: one system's are its own, and what is given back counts no more."""

import asyncio
from contextlib import ExitStack

import pytest

from connectors.limits.in_hand import InHand, Shares, TooMuch
from schemas.identifiers import SystemId

A, B, C = SystemId("a"), SystemId("b"), SystemId("c")


def hand() -> InHand:
    return InHand(Shares(requests=2, batches=2, bytes=10, bytes_in_all=15, questions=1))


def test_a_system_has_its_share_of_requests_and_the_others_have_theirs() -> None:
    in_hand = hand()
    with ExitStack() as held:
        for system in (A, A, B, B):
            held.enter_context(in_hand.request(system))
        with pytest.raises(TooMuch, match="requests_at_once: at most 2"):
            held.enter_context(in_hand.request(A))
    with in_hand.request(A):
        pass


def test_bytes_count_as_they_come_and_no_more_when_the_batch_is_done() -> None:
    in_hand = hand()
    with in_hand.batch(A) as first, in_hand.batch(A) as second:
        first.grow(6)
        with pytest.raises(TooMuch) as much:
            second.grow(5)
        assert (much.value.limit, much.value.own) == ("bytes_at_once", True)
        second.grow(4)
    with in_hand.batch(A) as again:
        again.grow(10)


def test_a_body_that_is_refused_gives_back_what_had_come_of_it() -> None:
    in_hand = hand()
    with in_hand.batch(A) as refused:
        refused.grow(9)
        with pytest.raises(TooMuch):
            refused.grow(2)
        with in_hand.batch(A) as other:
            other.grow(10)


def test_all_together_hold_no_more_than_all_may_and_that_is_nobodys_own_fault() -> None:
    in_hand = hand()
    with in_hand.batch(A) as first, in_hand.batch(B) as second, in_hand.batch(C) as third:
        first.grow(7)
        second.grow(7)
        with pytest.raises(TooMuch) as much:
            third.grow(7)
        assert not much.value.own


def test_more_questions_of_one_system_wait_for_their_turn_and_those_of_another_do_not() -> None:
    async def asked() -> list[str]:
        in_hand, told, done = hand(), [], asyncio.Event()

        async def ask(system: SystemId, name: str) -> None:
            with in_hand.request(system):
                async with in_hand.turn(system, question=True):
                    told.append(name)
                    await done.wait()

        tasks = [asyncio.create_task(ask(*who)) for who in ((A, "first of a"), (A, "second of a"), (B, "b"))]
        while len(told) < 2:
            await asyncio.sleep(0)
        begun = list(told)
        done.set()
        await asyncio.gather(*tasks)
        assert len(told) == 3
        return begun

    assert asyncio.run(asked()) == ["first of a", "b"]
