"""`GET /v1/tasks`, one task, and one case: what the ledger shows of the follow-up."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from connectors.access.gate import Caller
from connectors.http.access import Asking, Operator
from connectors.http.parts import OpenParts
from connectors.http.problems import Refusal, documented
from schemas.identifiers import CaseKey, PartyAddress, TaskId
from streams.ledger.answers import LedgerTask, ShownState, TaskHistory, Timeline, TimelineMessage
from streams.ledger.queries import task_history, tasks_of
from streams.ledger.timeline import timeline_of
from streams.rules import rule_files

router = APIRouter(tags=["tasks"])
_CLOSED = ("no-credential", "not-proved", "database-unavailable", "access-unknown")


class TaskPage(BaseModel):
    """Tasks by due date, then id."""

    tasks: list[LedgerTask]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last.")


@router.get(
    "/v1/tasks",
    summary="Tasks of a recipient, or the unrouted ones",
    responses=documented("invalid-request", *_CLOSED, "no-grant"),
)
def list_tasks(
    parts: OpenParts,
    asking: Asking,
    recipient: Annotated[
        str | None,
        Query(pattern=r"^/(institution/[0-9]{6}|municipality/[0-9]{3})$", examples=["/municipality/751"]),
    ] = None,
    unrouted: Annotated[
        bool, Query(description="Only those that nobody is known to be responsible for.")
    ] = False,
    state: Annotated[list[ShownState] | None, Query(description="May be given several times.")] = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> TaskPage:
    """One page of tasks. Only the operator may leave `recipient` out, or ask for the unrouted ones."""
    if not asking.operates and (unrouted or recipient is None or not asking.reads(PartyAddress(recipient))):
        raise Refusal(
            "no-grant", f"The system {asking.system} may not read for this recipient; name its own."
        )
    with parts.engine.connect() as connection:
        found = tasks_of(
            connection,
            recipient=None if recipient is None else PartyAddress(recipient),
            unrouted=unrouted,
            states=tuple(s.value for s in state or ()),
            after=None if after is None else TaskId(str(after)),
            limit=limit + 1,
        )
    shown = found[:limit]
    return TaskPage(tasks=shown, next=shown[-1].task_id if len(found) > limit else None)


@router.get(
    "/v1/tasks/{task_id}",
    summary="One task: why it is as it is, what closes it, all it has been",
    responses=documented("not-found", "invalid-request", *_CLOSED),
)
def one_task(task_id: UUID, parts: OpenParts, asking: Asking) -> TaskHistory:
    """A task with its rule, the messages that opened and ended it, and its revisions, oldest first.

    Its recipient sees what was its own: not who had the task before.
    """
    with parts.engine.connect() as connection:
        found = task_history(connection, TaskId(str(task_id)), rule_files.shipped())
    if found is None or not (asking.operates or _sees(asking, found.task.recipient)):
        raise Refusal("not-found", "There is no task with this id that this system may read.")
    return found if asking.operates else _own_part(asking, found)


@router.get(
    "/v1/cases/{pseudonym}",
    summary="A case's timeline: messages, decisions and deliveries",
    responses=documented("not-found", "invalid-request", *_CLOSED, "operator-only"),
)
def one_case(
    pseudonym: Annotated[
        str,
        Path(
            pattern=r"^(eu-)?[a-z2-7]{26}$",
            description="The citizen's pseudonym, or the EU case's key; a task shows it as `case`.",
        ),
    ],
    parts: OpenParts,
    _: Operator,
) -> Timeline:
    """That messages came and where they went, not what they say. A case may lie with several parties."""
    with parts.engine.connect() as connection:
        found = timeline_of(connection, CaseKey(pseudonym))
    if found is None:
        raise Refusal("not-found", "There is no case under this pseudonym.")
    return found


def _sees(asking: Caller, party: str | None) -> bool:
    return party is not None and asking.reads(PartyAddress(party))


def _own_part(asking: Caller, history: TaskHistory) -> TaskHistory:
    """Without the revisions that others had, and without where else a message went."""

    def own(messages: list[TimelineMessage]) -> list[TimelineMessage]:
        return [
            replace(message, forwarded_to=[party for party in message.forwarded_to if _sees(asking, party)])
            for message in messages
        ]

    return replace(
        history,
        revisions=[revision for revision in history.revisions if _sees(asking, revision.recipient)],
        caused=own(history.caused),
        closed=own(history.closed),
    )
