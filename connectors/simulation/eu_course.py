"""A job-seeker from the EU/EEA who brings unemployment benefit: registration, SEDs, and the end."""

from typing import Any

from connectors.simulation.calendar import DAY
from connectors.simulation.people import Population
from connectors.simulation.stage import Process, Stage
from schemas.identifiers import municipality_address

_COMPETENT = (
    "DE:0411",
    "SE:IAF-1",
    "PL:WUP.22",
    "ES:SEPE-08",
    "IT:INPS-77",
    "NO:NAV-4402",
    "EL:OAED_1",
    "UK:JCP-9",
)
_WEIGHTS = (30, 20, 18, 10, 10, 8, 3, 1)
_FAMILY_NAMES = ("Mustermann", "Exempelsson", "Przykladowa", "Ejemplo", "Esempio", "Eksempelstad", "Test")
_FORENAMES = ("Erika", "Sven", "Anna", "Luca", "Marta", "Nils")


class EuCase:
    """One registration and who handles it; SEDs are told by the handling ICS municipality."""

    def __init__(self, stage: Stage, population: Population, number: int, at: int) -> None:
        random = stage.random
        person = population.person(at // DAY)
        self.stage = stage
        self.case_id = f"EU-SIM-{number:06}X{random.randrange(16**4):04X}"
        self.residence = person.municipality
        self.handler = municipality_address(stage.parties.ics.get(self.residence, self.residence))
        self.competent = random.choices(_COMPETENT, _WEIGHTS)[0]
        self.ceased = at // DAY - random.randint(0, 6)
        self.ends = self.ceased + (
            random.randint(60, 184) if stage.calendar.pace == 1.0 else random.randint(8, 92)
        )
        self.document_presented = stage.chance(0.85)
        self.closed = False
        self.citizen: dict[str, Any] = {
            "family_name": random.choice(_FAMILY_NAMES),
            "forename": random.choice(_FORENAMES),
            "birth_date": person.born.isoformat(),
        }
        draw = random.random()
        if draw < 0.3:
            self.citizen["cpr"] = person.cpr
        elif draw < 0.85:
            country = self.competent[:2]
            self.citizen["foreign_id"] = {
                "country": country,
                "number": f"SIM {random.randrange(10**6):06} X{number}",
            }
        if stage.chance(0.95):
            self.citizen["residence_municipality"] = self.residence

    def tell(self, at: int, event: str, **more: Any) -> None:
        """An eu-event of this case."""
        data = {
            "eu_case_id": self.case_id,
            "event": event,
            "on": self.stage.calendar.iso_date(at // DAY),
            **more,
        }
        self.stage.send(at, self.handler, "eu-event", data)

    def sed(self, at: int, sed_type: str, *, received: bool = False, month: str | None = None) -> None:
        more = {"sed_type": sed_type, "cdm_version": "4.3"} | ({"month": month} if month else {})
        self.tell(at, "SED_RECEIVED" if received else "SED_SENT", **more)


def eu_course(stage: Stage, case: EuCase, at: int) -> Process:
    """Registered in time or late; then everything that article 55 asks for, mostly done, mostly in time."""
    if stage.chance(0.15):
        at = stage.working_days(6, 12, at)
        yield at
    _register(stage, case, at)
    if not case.document_presented:
        stage.spawn(_document_request(stage, case, at), at)
    if stage.chance(0.35):
        stage.spawn(_monthly_reports(stage, case, at), at)
    if stage.chance(0.2):
        stage.spawn(_circumstance(stage, case, at), at)
    stage.spawn(_end(stage, case, at), at)
    yield at
    if not stage.chance(0.08):
        at = stage.working_days(0, 2, at) if stage.chance(0.85) else stage.working_days(3, 10, at)
        yield at
        case.sed(at, "U009")
    if stage.chance(0.1):
        at = stage.days(5, 30, at)
        yield at
        _register(stage, case, at)


def _register(stage: Stage, case: EuCase, at: int) -> None:
    random = stage.random
    from_britain = case.competent.startswith("UK:")
    data: dict[str, Any] = {
        "citizen": case.citizen,
        "eu_case_id": case.case_id,
        "registered_on": stage.calendar.iso_date(at // DAY),
        "document_presented": case.document_presented,
        "competent_institution": {"id": case.competent},
        "ceased_available_on": stage.calendar.iso_date(case.ceased),
        "legal_basis": "WITHDRAWAL_AGREEMENT" if from_britain and stage.chance(0.7) else "ART_64",
    }
    draw = random.random()
    if draw < 0.6:
        data["entitled_until"] = stage.calendar.iso_date(case.ends)
    elif draw < 0.85:
        data["max_days"] = case.ends - case.ceased + 1
    if stage.chance(0.3):
        data["register_by"] = stage.calendar.iso_date(case.ceased + 7)
    stage.send(at, municipality_address(case.residence), "eu-registration", data)


def _document_request(stage: Stage, case: EuCase, at: int) -> Process:
    at = stage.working_days(0, 4, at)
    yield at
    case.sed(at, "U007")
    if stage.chance(0.8):
        at = stage.working_days(3, 15, at)
        yield at
        case.sed(at, "U008", received=True)


def _monthly_reports(stage: Stage, case: EuCase, at: int) -> Process:
    """The institution abroad asks for monthly reports; each month's is sent early in the next one."""
    at = stage.working_days(1, 8, at)
    yield at
    calendar = stage.calendar
    month = calendar.month(at // DAY)
    case.sed(at, "U012", received=True, month=month if stage.chance(0.6) else None)
    while not case.closed:
        day = at // DAY
        while calendar.month(day) == month:
            day += 1
        at = stage.working_days(0, 6, calendar.moment(day, stage.random))
        yield at
        if stage.chance(0.93):
            case.sed(at, "U013", month=month)
        month = calendar.month(day)


def _circumstance(stage: Stage, case: EuCase, at: int) -> Process:
    at = stage.days(5, 50, at)
    yield at
    if case.closed:
        return
    case.tell(at, "CIRCUMSTANCE", detail="Arbejde under tre timer (syntetisk).")
    at = stage.working_days(0, 3, at)
    yield at
    case.sed(at, "U010")
    if stage.chance(0.85):
        at = stage.working_days(0, 2, at)
        yield at
        case.sed(at, "PD_U3")


def _end(stage: Stage, case: EuCase, at: int) -> Process:
    """Work, return, deregistration or (rarely) death, else the end of the period; then the final SED."""
    calendar, random = stage.calendar, stage.random
    event = random.choices(("TOOK_WORK", "RETURNED", "DEREGISTERED", "DIED", None), (30, 35, 10, 1, 24))[0]
    last = calendar.moment(case.ends, random)
    at = max(at + 900, last) if event is None else min(stage.days(20, 110, at), max(at + 900, last))
    yield at
    case.closed = True
    if event is not None:
        case.tell(at, event)
    if event in ("TOOK_WORK", "DEREGISTERED"):
        at = stage.working_days(0, 3, at)
        yield at
        case.sed(at, "U010")
        if stage.chance(0.8):
            at = stage.working_days(0, 1, at)
            yield at
            case.sed(at, "PD_U3")
    if stage.chance(0.88):
        at = stage.working_days(1, 7, at)
        yield at
        case.sed(at, "U014")
