"""Sends messages to the HTTP API in batches, waits where it is asked to, and tells what was refused."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import httpx

from connectors.cli.message_lines import Line
from schemas.problems import OvergangError

BATCH_ITEMS: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024
_CONTENT_TYPE: Final = {"content-type": "application/cloudevents-batch+json"}
_ATTEMPTS: Final = 20
_CONNECTION_ATTEMPTS: Final = 3
_LONGEST_WAIT: Final = 30.0
_LATER: Final = frozenset({429, 503})
"""Statuses of what is to be sent again after a while."""
_DEFAULT_WAIT: Final = 1.0


class SendFailed(OvergangError):
    """The gateway cannot be reached, stays unavailable, or answers what it should not."""


class Refused(NamedTuple):
    """A message that the gateway did not accept; `faults` name field, problem and mend."""

    line: int
    faults: tuple[dict[str, str], ...]


class BatchSender:
    """One client, any number of batches. A batch that is sent again does no harm: repeats are duplicates."""

    def __init__(self, client: httpx.Client, wait: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._wait = wait

    def send(self, lines: list[Line]) -> Iterator[Refused]:
        """Send the lines, each a JSON object, and give those that were refused. Raises SendFailed."""
        in_vain = 0
        while in_vain < _ATTEMPTS:
            answer = self._post(lines)
            results = _results(answer)
            if results is None and answer.status_code not in _LATER:
                yield from self._refused_whole(lines, answer)
                return
            if results is not None:
                if len(results) != len(lines):
                    raise SendFailed("the answer has not one result a message; is --url an Overgang gateway?")
                both = list(zip(lines, results, strict=True))
                left = [line for line, result in both if result["status"] in _LATER]
                for line, result in both:
                    if result["status"] >= httpx.codes.BAD_REQUEST and result["status"] not in _LATER:
                        yield Refused(line.number, _faults(result))
                if not left:
                    return
                in_vain = -1 if len(left) < len(lines) else in_vain
                lines = left
            in_vain += 1
            self._wait(_retry_after(answer))
        raise SendFailed(
            f"line {lines[0].number}: the gateway stayed unavailable; see `overgang doctor`, then send again"
        )

    def _refused_whole(self, lines: list[Line], answer: httpx.Response) -> Iterator[Refused]:
        """One bad line can make a whole batch unreadable: halve it until that line stands alone."""
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise SendFailed(f"the gateway does not let this in: {_object(answer).get('detail')}")
        if answer.status_code not in (400, 413, 422):
            raise SendFailed(f"HTTP {answer.status_code} from the gateway; is --url an Overgang gateway?")
        if len(lines) == 1:
            yield Refused(lines[0].number, _faults(_object(answer)))
            return
        middle = len(lines) // 2
        yield from self.send(lines[:middle])
        yield from self.send(lines[middle:])

    def _post(self, lines: list[Line]) -> httpx.Response:
        body = b"[" + b",".join(line.content for line in lines) + b"]"
        for attempt in range(1, _CONNECTION_ATTEMPTS + 1):
            try:
                return self._client.post("/v1/messages", content=body, headers=_CONTENT_TYPE)
            except httpx.TransportError as failure:
                if attempt == _CONNECTION_ATTEMPTS:
                    raise SendFailed(
                        f"line {lines[0].number}: no answer from {self._client.base_url}; "
                        "start the gateway with `overgang up`, or give its address with --url"
                    ) from failure
                self._wait(_DEFAULT_WAIT)
        raise AssertionError("the last attempt returns or raises")


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines in groups that the gateway takes at once."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_ITEMS or size + len(line.content) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.content)
    if batch:
        yield batch


def _results(answer: httpx.Response) -> list[dict[str, Any]] | None:
    """Results of a batch that was read; None where the batch was refused as a whole."""
    results = _object(answer).get("results")
    return results if isinstance(results, list) else None


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    raise SendFailed(f"HTTP {answer.status_code} without a JSON object; is --url an Overgang gateway?")


def _faults(problem: dict[str, Any]) -> tuple[dict[str, str], ...]:
    if errors := problem.get("errors"):
        return tuple(errors)
    title, detail = problem.get("title", "refused"), problem.get("detail", "see the gateway's log")
    return ({"field": "message", "problem": title, "mend": detail},)


def _retry_after(answer: httpx.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), _LONGEST_WAIT) if told.isdigit() else _DEFAULT_WAIT
