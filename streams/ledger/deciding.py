"""Deciding the locked cases of one transaction, and writing what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from psycopg import Cursor

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey
from streams.failures import fault_name
from streams.ledger import outgoing
from streams.ledger.cases import Case, StoredFact, StoredTask
from streams.ledger.consequences import Advanced, consequences
from streams.ledger.outgoing import Outgoing, task_receipt
from streams.ledger.receipt_wishes import wanting_all
from streams.ledger.sealing import Seal
from streams.ledger.writing import DecidedCase, write_cases, write_facts, write_tasks
from streams.rules.decide import decide
from streams.rules.model import MessageRef
from streams.rules.ruleset import RuleBook

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What decisions are made with: the rule sets and the code lists."""

    book: RuleBook
    lists: CodeLists

    @property
    def digest(self) -> str:
        """Changes when a rule, a code list or a route does."""
        return f"{self.book.digest}:{self.lists.digest}"


@dataclass(slots=True)
class Deciding:
    """Collects the decisions of one transaction; `write` puts them down, one statement a table.

    `cases` are the cases as they are after the commit.
    """

    rulebook: Rulebook
    now: datetime
    cases: list[Case] = field(default_factory=list)
    stuck: list[CaseKey] = field(default_factory=list)
    tasks: list[tuple[CaseKey, StoredTask]] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    _facts: list[tuple[CaseKey, StoredFact]] = field(default_factory=list)
    _rows: list[DecidedCase] = field(default_factory=list)
    _advanced: list[tuple[Case, Seal, Advanced]] = field(default_factory=list)

    def decide(self, case: Case, new: Mapping[MessageRef, StoredFact], seal: Seal) -> Case:
        """Decide a case with its new facts; return it as it will be.

        A failure concerns this case alone: it is marked stuck, its facts are kept, its tasks stay as
        they were until a later decision succeeds.
        """
        grown = replace(case, facts={**case.facts, **new})
        # Clocks of two workers differ: a case never sees time go back.
        as_of = max(self.now, case.decided_at) if case.decided_at else self.now
        try:
            facts = [stored.fact for stored in grown.facts.values()]
            decision = decide(facts, self.rulebook.book, self.rulebook.lists, as_of)
            traces = {
                ref.id: stored.attributes["traceparent"]
                for ref, stored in new.items()
                if "traceparent" in stored.attributes
            }
            done = consequences(grown, decision, seal, self.rulebook.lists, as_of, traces)
        except Exception as fault:  # noqa: BLE001 whatever a rule raises must not stop the other cases
            because = fault_name(fault)
            log.error("case stuck", case=case.key, because=because)
            self.stuck.append(case.key)
            self._facts += [(case.key, stored) for stored in new.values()]
            self._rows.append(DecidedCase(case.key, None, because))
            after = replace(grown, version=case.version + 1, decided_at=as_of, stuck=True)
        else:
            changed = {**new, **{stored.ref: stored for stored in done.facts}}
            self._facts += [(case.key, stored) for stored in changed.values()]
            self._rows.append(DecidedCase(case.key, decision.next_change, None))
            self.tasks += [(case.key, task) for task in done.tasks]
            self.outgoing += done.outgoing
            self._advanced += [(done.after, seal, advanced) for advanced in done.progress]
            after = done.after
        self.cases.append(after)
        return after

    def write(self, cursor: Cursor[Any]) -> None:
        """Store facts, tasks, outbound rows and cases."""
        write_facts(cursor, self._facts)
        write_tasks(cursor, self.tasks, self.now)
        self.outgoing += self._task_receipts(cursor)
        outgoing.write(cursor, self.outgoing, self.now)
        write_cases(cursor, self._rows, self.rulebook.digest, self.now)

    def _task_receipts(self, cursor: Cursor[Any]) -> list[Outgoing]:
        wanting = wanting_all(
            cursor, {advanced.message.source for _, _, advanced in self._advanced}, self.now
        )
        return [
            task_receipt(case, a.message, a.task.task, a.task.revision, a.progress, seal, self.now)
            for case, seal, a in self._advanced
            if a.message.source in wanting
        ]
