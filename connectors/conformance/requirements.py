"""What is required of a vendor's endpoint, of its messages and of its way to the gateway."""

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.conformance.checklist import Item
from connectors.conformance.kind import Kind, types_received
from connectors.webhooks.client import READ_SECONDS
from schemas.identifiers import Flow

_TAKE: Final = "answer 2xx once it is stored"
_REFUSE: Final = "verify signature and timestamp before anything else, and answer 401"
_VERIFY: Final = "Refuses "

_ENDPOINT: Final = (
    Item(
        "endpoint.agrees",
        "Agrees to being posted to when asked by OPTIONS",
        "answer OPTIONS with the header WebHook-Allowed-Origin: the origin that asks, or *",
    ),
    Item(
        "endpoint.signed",
        "Takes a signed event of a type that it does not know",
        "verify by Standard Webhooks with the secret of --secret-file; answer 2xx and forget the event",
    ),
    Item(
        "endpoint.in-time",
        f"Answers within {READ_SECONDS:.0f} seconds",
        "store the message, answer, and work on it afterwards",
    ),
)
_FURTHER: Final = (
    Item(
        "endpoint.repeat",
        "Takes a message that comes again under the same webhook-id",
        "keep the webhook-ids that you have, and answer 2xx to one that is among them",
    ),
    Item(
        "endpoint.raw-body",
        "Verifies the body byte for byte as it came",
        "verify the raw body before any JSON parser has touched it",
    ),
    Item(
        "endpoint.two-signatures",
        "Takes a message that is signed by two secrets, as while one is replaced",
        "try each signature of the header webhook-signature; one that fits is enough",
    ),
    Item("endpoint.wrong-signature", f"{_VERIFY}a signature by another secret", _REFUSE),
    Item("endpoint.changed-body", f"{_VERIFY}a body that was changed after it was signed", _REFUSE),
    Item("endpoint.unsigned", f"{_VERIFY}a message without a signature", _REFUSE),
    Item("endpoint.old-timestamp", f"{_VERIFY}a signed message that is ten minutes old", _REFUSE),
    Item(
        "endpoint.future-timestamp",
        f"{_VERIFY}a signed message that is ten minutes ahead",
        _REFUSE,
        mandatory=False,
    ),
    Item(
        "endpoint.unknown-attribute",
        "Takes an event with an extension attribute that it does not know",
        "pass over attributes that you do not know",
    ),
    Item(
        "endpoint.unknown-field",
        "Takes data with an optional field that it does not know",
        "pass over fields that you do not know: contracts grow by optional fields",
    ),
    Item(
        "endpoint.unknown-code",
        "Takes a task of a kind that it does not know",
        "store and show kinds and states as text: they are no closed list",
    ),
    Item(
        "endpoint.revisions",
        "Takes the revisions of a task in their order, the last one WITHDRAWN",
        "keep the highest revision of each task_id; state WITHDRAWN takes the task away",
    ),
    Item(
        "endpoint.older-revision",
        "Takes an older revision of a task after a newer one",
        "answer 2xx to a revision lower than what you have, and drop it",
    ),
    Item(
        "endpoint.gap",
        "Takes a message whose sequence leaves a gap",
        "do not wait for the number that is missing: it may never come",
    ),
    Item(
        "endpoint.four-at-once",
        "Takes four messages at once",
        "serve several requests at a time",
    ),
    Item(
        "endpoint.large",
        "Takes a message of 40 kB",
        "let bodies of at least 512 KiB in, also at what stands before your endpoint",
    ),
    Item(
        "endpoint.public",
        "Is reached by https",
        "register an address that begins with https:// before real messages come",
        mandatory=False,
    ),
)


def endpoint_requirements(kind: Kind) -> Iterator[Item]:
    """Of an endpoint of a party of this kind."""
    yield from _ENDPOINT
    for type_ in types_received(kind):
        name = type_.removeprefix("dk.overgang.").removesuffix(".v1")
        yield Item(takes(type_), f"Takes `{name}`", _TAKE)
    yield from _FURTHER


def takes(type_: str) -> str:
    """Id of the item that a type is taken."""
    return "endpoint.takes-" + type_.removeprefix("dk.overgang.").removesuffix(".v1")


def message_requirements(flows: Sequence[Flow]) -> Iterator[Item]:
    """Of a file of messages of these flows."""
    yield Item("messages.valid", "Every message is as its contract says", "mend what is named, line by line")
    yield Item("messages.own", "Every message is the party's own", "write the party's address into `source`")
    for flow in flows:
        yield Item(
            covers(flow),
            f"At least one valid message of `{flow}`",
            f"add one, or name with --flow the flows that the system sends, `{flow}` not among them",
        )
    yield Item(
        "messages.ids",
        "An id stands for one content",
        "choose a new UUID for each message; a repeat of one is the same to the letter",
    )
    yield Item(
        "messages.clock",
        "No message is raised after now",
        "check the clock and the offset in `time`",
        mandatory=False,
    )
    yield Item(
        "messages.codes",
        "Every code stands in the code lists",
        "see the warning UNKNOWN_CODE in docs/contracts.md; the message goes on all the same",
        mandatory=False,
    )
    yield Item(
        "messages.synthetic",
        "Nobody real is in the file",
        "use replacement CPR numbers (day of birth + 60) in whatever is for trying out",
        mandatory=False,
    )
    yield Item(
        "messages.takes-back",
        "The system can take a message back",
        "add a `correction` with `retracts`, or a dropout-risk with WITHDRAWN",
        mandatory=False,
    )


def covers(flow: Flow) -> str:
    """Id of the item that a flow is there."""
    return f"messages.flow-{flow}"


def access_requirements() -> Iterator[Item]:
    """Of whoever comes to a gateway."""
    yield Item(
        "gateway.access",
        "The gateway lets the system in",
        "ask the operator for a credential, and name its file with --token-file",
    )


def mailbox_requirements() -> Iterator[Item]:
    """Of a system that fetches its messages."""
    yield Item(
        "mailbox.acknowledged",
        "What came to the mailbox has been fetched and acknowledged",
        "POST /v1/mailbox/acknowledge with the last `sequence`, once the messages are stored",
    )


def gateway_requirements() -> Iterator[Item]:
    """Of sending to a gateway."""
    yield Item(
        "gateway.grants",
        "The system is granted to send these flows and to read for the party",
        "ask the operator for `overgang parties grant`",
    )
    yield Item("gateway.accepted", "Every message is accepted", "mend what is named, line by line")
    yield Item(
        "gateway.decided",
        "Every message is decided and none is in quarantine",
        "see `reasons` of its outcome; `overgang doctor` where nothing is decided",
    )
    yield Item(
        "gateway.duplicate",
        "A message sent again is told as a repeat and counts once",
        "send it again unchanged, under the same id",
    )
