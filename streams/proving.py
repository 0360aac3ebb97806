"""Who has sent a record, by its seal or its signature, before anything in it is read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from schemas.identifiers import Flow, SystemId
from schemas.problems import ErrorClass, InvalidMessage, Problem, SourceNotProved
from schemas.seal import SEAL_HEADER, SIGNATURE_HEADER, SealBroken, Stamp, covered, unsealed
from schemas.signature import signed_at_ms
from streams.batch import Input
from streams.ledger.registry_watch import RegistryWatch
from streams.registry import Credential, CredentialKind
from streams.seal_keys import SealKeys

LIFETIME: Final = timedelta(days=14)
_AHEAD_MS: Final = 24 * 60 * 60 * 1000
"""As much as a message may be dated ahead: a clock that is off by minutes must cost nobody a message."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Thread-safe. `required`: a record without seal and signature is refused; else it counts as it is.

    `lifetime` is the longest time between the seal and the broker's own date of the record; where the broker
    gives none, until now.
    """

    keys: SealKeys
    watch: RegistryWatch
    required: bool
    lifetime: timedelta = LIFETIME

    def prove(self, topic: str, flow: Flow, record: Input, now: datetime) -> SystemId | None:
        """The system that has sent a record to the topic of a flow; None where nothing says so.

        Raises:
            SourceNotProved: forged, changed, moved, unsealed where that is required, or the signer may not.
            InvalidMessage: SEAL_EXPIRED, SENDER_SUSPENDED.
            RegistryUnknown: the record is signed, and the database was away for too long.
        """
        proofs = [name for name, _ in record.headers if name in (SEAL_HEADER, SIGNATURE_HEADER)]
        if not proofs:
            if self.required:
                mend = f"send it over HTTP, or sign it: {SIGNATURE_HEADER}, a detached JWS"
                _refuse(ErrorClass.NOT_SEALED, SEAL_HEADER, "is missing", mend)
            return None
        if len(proofs) > 1:
            _refuse(ErrorClass.SEAL_BROKEN, proofs[1], "is a second proof", "send one, once")
        taken_ms = int(now.timestamp() * 1000) if record.appended_ms is None else record.appended_ms
        try:
            if proofs[0] == SEAL_HEADER:
                stamp = self._sealed(topic, record)
            else:
                stamp = self._signed(topic, flow, record, taken_ms)
        except SealBroken as broken:
            _refuse(ErrorClass.SEAL_BROKEN, proofs[0], str(broken), "send the message anew, to its own topic")
        self._in_time(proofs[0], stamp, taken_ms)
        return stamp.system

    def _sealed(self, topic: str, record: Input) -> Stamp:
        return unsealed(
            _proof(record, SEAL_HEADER), covered(topic, record.headers, record.value), self.keys.get
        )

    def _signed(self, topic: str, flow: Flow, record: Input, taken_ms: int) -> Stamp:
        registry = self.watch.current()
        at = datetime.fromtimestamp(taken_ms / 1000, UTC)
        found: list[Credential] = []

        def public_key_of(key_id: str) -> str:
            found.extend(registry.credentials.get((CredentialKind.SIGNING_KEY, key_id), ()))
            if not found:
                mend = "let the operator register the key: overgang parties signing-key"
                _refuse(ErrorClass.SIGNER_UNKNOWN, SIGNATURE_HEADER, "names a key that nobody has here", mend)
            return found[-1].value.split()[1]

        signed_ms = signed_at_ms(
            _proof(record, SIGNATURE_HEADER), covered(topic, record.headers, record.value), public_key_of
        )
        signer = next((c for c in found if c.in_force(at)), found[-1])
        system = signer.system
        if not signer.in_force(at):
            _bar("was made with a key that is revoked or out of its span", system)
        if registry.systems[system].suspended_at is not None:
            _bar(f"was made by the system {system}, which is suspended", system)
        source = record.claimed_source()
        if source is not None and not registry.granted_to_send(system, source, flow, at):
            problem = f"names a party for which the system {system} has no grant to send {flow}"
            mend = "correct it, or ask the operator for the grant"
            _refuse(ErrorClass.FORBIDDEN, "ce_source", problem, mend, system)
        if registry.systems[system].sending_suspended_at is not None:
            problem = f"was made by the system {system}, which may send nothing for now"
            raise InvalidMessage(
                ErrorClass.SENDER_SUSPENDED,
                (Problem(SIGNATURE_HEADER, problem, "mend what it sends, then ask the operator"),),
                system,
            )
        return Stamp(system, signed_ms)

    def _in_time(self, header: str, stamp: Stamp, taken_ms: int) -> None:
        age = taken_ms - stamp.at_ms
        if age > self.lifetime // timedelta(milliseconds=1):
            problem, mend = f"is older than {self.lifetime.days} days", "send the message anew"
        elif age < -_AHEAD_MS:
            problem, mend = "is dated more than 24 hours ahead", "check the clock, and send it anew"
        else:
            return
        raise InvalidMessage(ErrorClass.SEAL_EXPIRED, (Problem(header, problem, mend),), stamp.system)


def _proof(record: Input, name: str) -> bytes | None:
    return next(content for known, content in record.headers if known == name)


def _bar(problem: str, signer: SystemId) -> NoReturn:
    _refuse(ErrorClass.SIGNER_BARRED, SIGNATURE_HEADER, problem, "ask the operator", signer)


def _refuse(
    error_class: ErrorClass, field: str, problem: str, mend: str, sender: SystemId | None = None
) -> NoReturn:
    raise SourceNotProved(error_class, (Problem(field, problem, mend),), sender)
