"""P6: replaying the facts gives the same tasks."""

import random
from typing import Any

from schemas.cloudevent import to_structured
from schemas.wire import decode
from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.rules import rule_files
from tests.integration.ledger_room import LISTS
from tests.promises.aftermath import decided_tasks, ledger_tasks, quiet_moment
from tests.promises.finished_run import FinishedRun


def test_the_ledgers_facts_decide_to_the_ledgers_tasks_in_any_order(run: FinishedRun) -> None:
    facts = facts_of(run)
    assert len(facts) == run.room.rows("SELECT count(*) FROM inbox")[0][0]
    expected = ledger_tasks(run.room)
    assert {task["state"] for task in expected.values()} >= {"OPEN", "OVERDUE", "DONE", "CANCELLED"}
    for seed in (1, 2):
        random.Random(seed).shuffle(facts)
        assert decided_tasks(run.room, facts, quiet_moment(run.room)) == expected


def facts_of(run: FinishedRun) -> list[dict[str, Any]]:
    """The stored messages, opened, as structured events again."""
    seal = load_or_make_wrapping_key(run.room.directory / "wrapping.key")
    with Ledger(run.room.database_url, seal, Rulebook(rule_files.shipped(), LISTS)) as ledger:
        return [
            to_structured(
                {
                    "specversion": "1.0",
                    "id": id_,
                    "source": source,
                    "type": f"dk.overgang.{flow}.v1",
                    "time": time.isoformat(),
                },
                decode(ledger.vault.open(case_key, payload))[1],
            )
            for source, id_, flow, time, case_key, payload in run.room.rows(
                "SELECT source, id, flow, time, case_key, payload FROM facts"
            )
        ]
