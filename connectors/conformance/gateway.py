"""Sends a vendor's messages to a gateway as the vendor would, one twice, and reads what became of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

from connectors.cli.batch_sender import BatchSender, SendFailed, batches
from connectors.conformance.checklist import Checklist
from connectors.conformance.messages import Judged
from schemas.identifiers import Flow, MessageId, PartyAddress
from schemas.problems import OvergangError
from streams.registry import EVERY_PARTY

PATIENCE_SECONDS: Final = 60.0
_ASKED: Final = 500
"""Messages of which the outcome is read."""
_SHOWN: Final = 3
_AS_ADVISED: Final = {"REPLACEMENT_CPR"}
"""Warnings that a file for trying out is to have."""
_PAUSE_SECONDS: Final = 0.1


class _Ended(OvergangError):
    """Nothing further can be tried; the text says why."""


@dataclass(slots=True)
class GatewayTrial:
    """One party at one gateway. `checklist` holds the requirements of access, and of what else is tried."""

    client: httpx.Client
    party: PartyAddress
    checklist: Checklist
    wait: Callable[[float], None] = time.sleep
    patience: float = PATIENCE_SECONDS

    def run(self, judged: Judged | None, flows: Sequence[Flow], *, mailbox: bool) -> None:
        """Send what was judged, look at the mailbox. Never raises for what the gateway answers."""
        try:
            access = self._access()
            if mailbox:
                self._mailbox()
            if judged is not None:
                self._grants(access, flows)
                if not judged.lines:
                    raise _Ended("there is no valid message to send")
                self._send(judged)
                self._outcomes(judged)
                self._twice(judged)
        except _Ended as ended:
            self.checklist.rest_not_tried(str(ended))
        except httpx.TransportError as failed:
            self.checklist.rest_not_tried(f"no answer of the gateway: {type(failed).__name__}")

    def _access(self) -> dict[str, Any]:
        answer = self.client.get("/v1/access")
        if answer.status_code != HTTPStatus.OK:
            self.checklist.failed("gateway.access", f"answered {answer.status_code}")
            raise _Ended("the gateway does not let the system in")
        access = _object(answer)
        self.checklist.passed("gateway.access", f"as the system {access['system']}")
        return access

    def _mailbox(self) -> None:
        # Without `after` it goes on from what was acknowledged: nothing left means that all of it was.
        came = self.client.get("/v1/mailbox", params={"party": self.party, "after": 0, "limit": 1})
        left = self.client.get("/v1/mailbox", params={"party": self.party, "limit": _ASKED})
        if came.status_code != HTTPStatus.OK or left.status_code != HTTPStatus.OK:
            self.checklist.failed(
                "mailbox.acknowledged", f"answered {max(came.status_code, left.status_code)}"
            )
        elif not came.json():
            self.checklist.failed(
                "mailbox.acknowledged", "nothing has come yet", "wait until something comes"
            )
        else:
            waiting = len(left.json())
            self.checklist.judged("mailbox.acknowledged", not waiting, f"{waiting} not acknowledged")

    def _grants(self, access: dict[str, Any], flows: Sequence[Flow]) -> None:
        own = [grant for grant in access["grants"] if grant["party"] in (self.party, EVERY_PARTY)]
        sends = {grant["flow"] for grant in own if grant["right"] == "send"}
        missing = [f"send {flow}" for flow in flows if not sends & {None, flow}]
        missing += [] if any(grant["right"] == "read" for grant in own) else ["read"]
        seen = f"not granted: {', '.join(missing)}" if missing else "granted"
        self.checklist.judged("gateway.grants", not missing, seen)

    def _send(self, judged: Judged) -> None:
        sender = BatchSender(self.client, self.wait)
        try:
            refused = [refusal for batch in batches(judged.lines) for refusal in sender.send(batch)]
        except SendFailed as failed:
            self.checklist.failed("gateway.accepted", str(failed))
            raise _Ended("the messages could not be sent") from None
        if refused:
            told = [f"line {r.line}: {f['field']}: {f['problem']}" for r in refused for f in r.faults]
            self.checklist.failed("gateway.accepted", "; ".join(told[:_SHOWN]))
            raise _Ended("a message was refused")
        self.checklist.passed("gateway.accepted", f"{len(judged.lines)} messages")

    def _outcomes(self, judged: Judged) -> None:
        asked = list(dict.fromkeys(judged.ids))[:_ASKED]
        give_up = time.monotonic() + self.patience
        found = [self._outcome(id_, give_up, lambda _: True) for id_ in asked]
        undecided = sum(outcome is None for outcome in found)
        reasons = [
            f"{reason['field']}: {reason['problem']}"
            for outcome in found
            if outcome
            for reason in outcome["reasons"]
        ]
        well = not undecided and all(outcome and outcome["outcome"] == "ACCEPTED" for outcome in found)
        warned = sum(bool(outcome and {*outcome["warnings"]} - _AS_ADVISED) for outcome in found)
        seen = f"{len(found)} accepted, {warned} with warnings"
        if undecided:
            seen = f"{undecided} of {len(found)} not decided within {self.patience:.0f} s"
        elif not well:
            seen = f"in quarantine: {'; '.join(reasons[:_SHOWN])}"
        self.checklist.judged("gateway.decided", well, seen)
        if not well:
            raise _Ended("not every message was accepted")

    def _twice(self, judged: Judged) -> None:
        id_ = judged.ids[0]
        give_up = time.monotonic() + self.patience
        before = self._outcome(id_, give_up, lambda _: True)
        repeats = before["duplicates"] if before else 0
        for refusal in BatchSender(self.client, self.wait).send(judged.lines[:1]):
            self.checklist.failed("gateway.duplicate", f"line {refusal.line} was refused the second time")
            return
        told = self._outcome(id_, give_up, lambda outcome: outcome["duplicates"] > repeats)
        seen = f"told as repeat {told['duplicates']}" if told else f"not told within {self.patience:.0f} s"
        self.checklist.judged("gateway.duplicate", told is not None, seen)

    def _outcome(
        self, id_: MessageId, give_up: float, holds: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any] | None:
        """The outcome of a message once that holds; None where it does not in time."""
        while True:
            answer = self.client.get(f"/v1/messages{self.party}/{id_}")
            if answer.status_code == HTTPStatus.OK:
                outcome = _object(answer)
                if holds(outcome):
                    return outcome
            elif answer.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE):
                raise _Ended(f"the outcome of a message cannot be read: answered {answer.status_code}")
            if time.monotonic() > give_up:
                return None
            self.wait(_PAUSE_SECONDS)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        value = None
    if not isinstance(value, dict) or not value.keys() & {"grants", "outcome"}:
        raise _Ended("what answers there is no Overgang gateway; check --gateway")
    return value
