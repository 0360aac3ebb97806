"""Whose message it is: the citizen's pseudonym and the key of the case that its facts belong to."""

from dataclasses import dataclass, replace

from schemas.identifiers import CaseKey, Flow, Pseudonym
from schemas.message import Record
from schemas.problems import Problem
from schemas.pseudonym import PseudonymKey, case_key_of_eu, pseudonym_of_citizen


@dataclass(frozen=True, slots=True)
class CaseIdentity:
    """Identities that a message names, with the meaning that `schemas.message.Message` gives them."""

    subject: Pseudonym | None = None
    case_key: CaseKey | None = None
    assigned: CaseKey | None = None
    merged: tuple[Pseudonym, Pseudonym] | None = None


def identity_of(flow: Flow, data: Record, key: PseudonymKey) -> CaseIdentity | Problem:
    """The identities in a message's data, or the problem that one of its citizens cannot be told from others.

    EU flows are keyed by `eu_case_id`; an `eu-event` may name nobody. A correction is about whom it assigns,
    else whom it merges into, else nobody. Every other flow has one citizen, who is the case.
    """
    if flow == "correction":
        return _of_correction(data, key)
    if flow in ("eu-registration", "eu-event"):
        return _of_eu_case(data, key)
    subject = _named(key, data["citizen"], "data.citizen")
    return subject if isinstance(subject, Problem) else CaseIdentity(subject, CaseKey(subject))


def _of_eu_case(data: Record, key: PseudonymKey) -> CaseIdentity | Problem:
    case_key = case_key_of_eu(key, data["eu_case_id"])
    citizen, institution = data["citizen"], data.get("competent_institution")
    if institution is None:
        subject = pseudonym_of_citizen(key, citizen, institution=None) if citizen else None
        return CaseIdentity(subject, case_key)
    person = _named(key, citizen, "data.citizen", institution["id"])
    return person if isinstance(person, Problem) else CaseIdentity(person, case_key)


def _of_correction(data: Record, key: PseudonymKey) -> CaseIdentity | Problem:
    merged = _merged(data["merges"], key) if data["merges"] else None
    assigned = _assigned(data["assigns"], key) if data["assigns"] else None
    if isinstance(merged, Problem):
        return merged
    if isinstance(assigned, Problem):
        return assigned
    if assigned:
        return replace(assigned, merged=merged)
    if merged:
        return CaseIdentity(merged[1], CaseKey(merged[1]), merged=merged)
    return CaseIdentity()


def _assigned(assigns: Record, key: PseudonymKey) -> CaseIdentity | Problem:
    if eu_case_id := assigns["eu_case_id"]:
        case_key = case_key_of_eu(key, eu_case_id)
        return CaseIdentity(None, case_key, case_key)
    subject = _named(key, assigns["citizen"], "data.assigns.citizen")
    if isinstance(subject, Problem):
        return subject
    return CaseIdentity(subject, CaseKey(subject), CaseKey(subject))


def _merged(merges: Record, key: PseudonymKey) -> tuple[Pseudonym, Pseudonym] | Problem:
    old = _named(key, merges["citizen"], "data.merges.citizen")
    if isinstance(old, Problem):
        return old
    new = _named(key, merges["into"], "data.merges.into")
    return new if isinstance(new, Problem) else (old, new)


def _named(
    key: PseudonymKey, citizen: Record, field: str, institution: str | None = None
) -> Pseudonym | Problem:
    return pseudonym_of_citizen(key, citizen, institution=institution) or Problem(
        field, "does not identify anyone", "send cpr, or foreign_id with letters or digits in its number"
    )
