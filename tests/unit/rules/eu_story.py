"""The messages of one EU case told as facts, for tests of the rules; days as in `rule_story`."""

from typing import Any

from rule_story import AARHUS, Story, day, instant

from streams.rules.facts import ConversationFormFact, EuEventFact, EuRegistrationFact, danish_day

CASE = "eu-case-a"


class EuStory(Story):
    """Facts of one EU case; `registered()` has the benefit from 2 March to 1 June 2026."""

    def __init__(self) -> None:
        super().__init__(born="1990-03-04", residence="615")
        self.case_key = CASE
        self.eu_case_id = "EU-1"

    def _of_case(self, source: str, time: str) -> tuple[Any, ...]:
        at = instant(time)
        told = f"m{len(self.facts) + 1:02}"
        return source, told, at, danish_day(at), self.subject, self.case_key, self.residence, self.born

    def registration(
        self,
        time: str,
        *,
        source: str = AARHUS,
        registered_on: str | None = None,
        document_presented: bool = True,
        country: str = "DE",
        ceased: str = "2026-03-02",
        until: str | None = None,
        max_days: int | None = None,
        register_by: str | None = None,
        legal_basis: str = "ART_64",
    ) -> str:
        shared = self._of_case(source, time)
        registered = day(registered_on) or shared[3]
        return self._tell(
            EuRegistrationFact(
                *shared,
                self.eu_case_id,
                registered,
                document_presented,
                country,
                day(ceased),
                day(until),
                max_days,
                day(register_by),
                legal_basis,
            )
        )

    def event(
        self,
        time: str,
        event: str,
        sed_type: str | None = None,
        *,
        source: str = AARHUS,
        on: str | None = None,
        month: str | None = None,
    ) -> str:
        shared = self._of_case(source, time)
        return self._tell(EuEventFact(*shared, self.eu_case_id, event, day(on) or shared[3], sed_type, month))

    def sent(self, time: str, sed_type: str, *, month: str | None = None) -> str:
        return self.event(time, "SED_SENT", sed_type, month=month)

    def received(self, time: str, sed_type: str, *, on: str | None = None, month: str | None = None) -> str:
        return self.event(time, "SED_RECEIVED", sed_type, on=on, month=month)


def registered(until: str | None = "2026-06-01", **registration: Any) -> EuStory:
    """Registered on Friday 6 March 2026, in time."""
    story = EuStory()
    story.registration("2026-03-06", until=until, **registration)
    return story


def choice(
    time: str,
    event: str = "CHOSEN",
    form: str = "VIDEO",
    *,
    since: str | None = None,
    reasoned: bool = True,
) -> Story:
    """One message about the form of conversations."""
    story = Story()
    shared = story._shared(AARHUS, time)
    story._tell(ConversationFormFact(*shared, event, form, shared[3], day(since), reasoned))
    return story
