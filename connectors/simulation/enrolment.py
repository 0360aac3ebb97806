"""One young person's place on one education, as the institution reports it."""

from dataclasses import dataclass
from typing import Any

from connectors.simulation.calendar import DAY
from connectors.simulation.parties import Education, Institution
from connectors.simulation.people import Person
from connectors.simulation.stage import Stage


@dataclass(slots=True, eq=False)
class Enrolment:
    """`admitted` and `starts` are days of the window, also before it; `ended` stops all that hangs on it."""

    person: Person
    institution: Institution
    education: Education
    enrolment_id: str
    admitted: int
    starts: int
    ended: bool = False

    def report(self, stage: Stage, at: int, event: str, **more: Any) -> str:
        """The institution sends an enrolment message; gives its id."""
        data: dict[str, Any] = {
            "citizen": self.person.citizen,
            "enrolment_id": self.enrolment_id,
            "event": event,
            "education": self.education,
            **more,
        }
        return stage.send(at, self.institution.address, "enrolment", data)

    def contact(self, stage: Stage) -> dict[str, Any]:
        return dict(stage.random.choice(self.institution.contacts))


def enrol(
    stage: Stage, person: Person, admitted_at: int, *, started_days_ago: int | None = None
) -> Enrolment:
    """A place for the person; with `started_days_ago` the studies began before the window."""
    random = stage.random
    institution = stage.parties.institution(person.municipality, random)
    person.enrolments += 1
    admitted = admitted_at // DAY
    if started_days_ago is None:
        starts = stage.days(4, 38, admitted_at) // DAY
    else:
        starts = admitted - started_days_ago
        admitted = starts - random.randint(10, 60)
    return Enrolment(
        person=person,
        institution=institution,
        education=random.choice(institution.educations),
        enrolment_id=f"E{random.randrange(16**6):06X}-{person.enrolments}",
        admitted=admitted,
        starts=starts,
    )
