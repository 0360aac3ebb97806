"""The client of `overgang send`: what it sends again, when it gives up, and which line it blames."""

from collections.abc import Callable

import httpx
import orjson
import pytest

from connectors.cli.batch_sender import BatchSender, Refused, SendFailed
from connectors.cli.message_lines import Line

Answer = Callable[[list[dict[str, int]]], httpx.Response]
FAULT = {"field": "data.event", "problem": "is unknown", "mend": "send RAISED"}


class Gateway:
    """Answers each batch with the next of the given answers, and remembers what it got."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.batches: list[list[int]] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/messages"
        assert request.headers["content-type"] == "application/cloudevents-batch+json"
        events = orjson.loads(request.content)
        self.batches.append([event["n"] for event in events])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(events)

    def send(self, *numbers: int) -> list[Refused]:
        client = httpx.Client(base_url="http://gateway.example", transport=httpx.MockTransport(self))
        lines = [Line(n, orjson.dumps({"n": n})) for n in numbers]
        return list(BatchSender(client, self.waited.append).send(lines))


def results(*statuses: int, retry_after: str = "5") -> Answer:
    told = [
        {"index": i, "status": s} | ({"errors": [FAULT]} if s == 422 else {}) for i, s in enumerate(statuses)
    ]
    headers = {"Retry-After": retry_after} if {429, 503} & set(statuses) else {}
    return lambda _events: httpx.Response(207, json={"results": told}, headers=headers)


def whole(status: int, **headers: str) -> Answer:
    problem = {"title": "Busy", "detail": "Come back.", "status": status, "errors": []}
    return lambda _events: httpx.Response(status, json=problem, headers=headers)


def test_an_accepted_batch_is_sent_once() -> None:
    gateway = Gateway(results(202, 202))
    assert gateway.send(1, 2) == []
    assert gateway.batches == [[1, 2]]


def test_a_refused_message_is_named_by_its_line() -> None:
    gateway = Gateway(results(202, 422))
    assert gateway.send(7, 9) == [Refused(9, (FAULT,))]
    assert gateway.batches == [[7, 9]]


def test_only_messages_answered_503_are_sent_again_after_the_wait_asked_for() -> None:
    gateway = Gateway(results(202, 503, 422, 503), results(202, 202))
    assert gateway.send(1, 2, 3, 4) == [Refused(3, (FAULT,))]
    assert gateway.batches == [[1, 2, 3, 4], [2, 4]]
    assert gateway.waited == [5.0]


def test_a_busy_gateway_gets_the_whole_batch_again() -> None:
    gateway = Gateway(whole(503, **{"Retry-After": "1"}), results(202, 202))
    assert gateway.send(1, 2) == []
    assert gateway.batches == [[1, 2], [1, 2]]
    assert gateway.waited == [1.0]


def test_messages_beyond_a_limit_are_sent_again_after_the_wait_asked_for() -> None:
    gateway = Gateway(
        results(202, 429, 429, retry_after="2"), whole(429, **{"Retry-After": "3"}), results(202, 202)
    )
    assert gateway.send(1, 2, 3) == []
    assert gateway.batches == [[1, 2, 3], [2, 3], [2, 3]]
    assert gateway.waited == [2.0, 3.0]


def test_a_long_batch_that_gets_on_bit_by_bit_is_never_given_up() -> None:
    def one_of_them(events: list[dict[str, int]]) -> httpx.Response:
        return results(202, *(429 for _ in events[1:]))(events)

    gateway = Gateway(one_of_them)
    assert gateway.send(*range(50)) == []
    assert len(gateway.batches) == 50


def test_a_gateway_that_stays_unavailable_is_given_up() -> None:
    gateway = Gateway(whole(503))
    with pytest.raises(SendFailed, match="line 4: the gateway stayed unavailable"):
        gateway.send(4, 5)
    assert len(gateway.batches) == 20


def test_the_line_that_makes_a_batch_unreadable_is_found_and_the_others_are_sent() -> None:
    def unless_three(events: list[dict[str, int]]) -> httpx.Response:
        if any(event["n"] == 3 for event in events):
            return httpx.Response(400, json={"title": "Unreadable", "detail": "Mend it.", "errors": [FAULT]})
        return results(*(202 for _ in events))(events)

    gateway = Gateway(unless_three)
    assert gateway.send(1, 2, 3, 4) == [Refused(3, (FAULT,))]
    assert [1, 2] in gateway.batches
    assert [4] in gateway.batches


def test_an_unreachable_gateway_is_one_error_with_the_mend() -> None:
    def away(_events: list[dict[str, int]]) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(SendFailed, match="overgang up"):
        Gateway(away).send(1)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(404, json={}),
        lambda _: httpx.Response(202, json={"results": []}),
    ],
)
def test_an_answer_of_something_else_is_not_taken_for_acceptance(answer: Answer) -> None:
    with pytest.raises(SendFailed, match="--url"):
        Gateway(answer).send(1)
