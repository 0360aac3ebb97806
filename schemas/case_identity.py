"""Whose message it is: the citizen's pseudonym and the key of the case that its facts belong to."""

from schemas.identifiers import CaseKey, Flow, Pseudonym
from schemas.message import Record
from schemas.problems import Problem
from schemas.pseudonym import PseudonymKey, case_key_of_eu, pseudonym_of_citizen

_MEND = "send cpr, or foreign_id with letters or digits in its number"


def identity_of(
    flow: Flow, data: Record, key: PseudonymKey
) -> tuple[Pseudonym | None, CaseKey | None, Problem | None]:
    """Subject and case key of a message's data, or the problem that it identifies nobody.

    EU flows are keyed by `eu_case_id`, and may name nobody in an `eu-event`. A correction takes the identity
    it assigns, else the one it merges into, else none. Every other flow has one citizen, who is the case.
    """
    if flow == "correction":
        return _of_correction(data, key)
    citizen = data["citizen"]
    if flow in ("eu-registration", "eu-event"):
        paying = data["competent_institution"]["id"] if flow == "eu-registration" else None
        subject = pseudonym_of_citizen(key, citizen, institution=paying) if citizen else None
        nobody = subject is None and flow == "eu-registration"
        problem = _nobody("data.citizen") if nobody else None
        return subject, case_key_of_eu(key, data["eu_case_id"]), problem
    return _of_citizen(key, citizen, "data.citizen")


def _of_correction(
    data: Record, key: PseudonymKey
) -> tuple[Pseudonym | None, CaseKey | None, Problem | None]:
    if assigns := data["assigns"]:
        if eu_case_id := assigns["eu_case_id"]:
            return None, case_key_of_eu(key, eu_case_id), None
        return _of_citizen(key, assigns["citizen"], "data.assigns.citizen")
    if merges := data["merges"]:
        *_, problem = _of_citizen(key, merges["citizen"], "data.merges.citizen")
        subject, case_key, other = _of_citizen(key, merges["into"], "data.merges.into")
        return subject, case_key, problem or other
    return None, None, None


def _of_citizen(
    key: PseudonymKey, citizen: Record, field: str
) -> tuple[Pseudonym | None, CaseKey | None, Problem | None]:
    subject = pseudonym_of_citizen(key, citizen, institution=None)
    if subject is None:
        return None, None, _nobody(field)
    return subject, CaseKey(subject), None


def _nobody(field: str) -> Problem:
    return Problem(field, "does not identify anyone", _MEND)
