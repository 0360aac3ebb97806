"""Who asks: every route but `/health/live` needs a credential, a bearer token or a client certificate.

Known to the whole app as a dependency, so that a route is closed unless it says otherwise.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Final, Literal

from fastapi import Depends, Path, Request

from connectors.access.gate import Caller, NotProved
from connectors.access.token_keys import NoKeys
from connectors.http.body import discard_body
from connectors.http.parts import Parts, parts_of
from connectors.http.problems import Refusal
from schemas.identifiers import PartyAddress
from streams.ledger.registry_watch import RegistryUnknown

CERTIFICATE: Final = "overgang.client_certificate"
"""Key of the scope under which the server puts the client's verified certificate (DER bytes)."""
OPEN: Final = frozenset({"/health/live"})
_WITHOUT_DATABASE: Final = frozenset({"/v1/messages", "/v1/mailbox", "/health/ready", "/metrics"})
"""Routes that need no turn: they wait for something else than the database, or have places of their own."""
_REFUSED_SECONDS: Final = 5.0
"""How long a body is read that will be refused whatever it holds."""
_AWAY_SECONDS = "5"


async def caller(request: Request) -> AsyncIterator[Caller | None]:
    """The system that asks, None on an open route; its request counts as in hand until it is answered.

    It depends on nothing else: each dependency is resolved anew for every request.

    Raises `Refusal`: 401, 429 when it has reached a limit, or 503 while nobody is known.
    """
    path = request.scope["path"]
    if path in OPEN:
        yield None
        return
    parts = parts_of(request)
    with ExitStack() as held:
        try:
            asking = await judged(request, parts)
            held.enter_context(parts.limits.request(asking.system))
        except Refusal as refused:
            await discard_body(request, min(parts.config.body_within, _REFUSED_SECONDS))
            raise refused from None
        async with parts.limits.in_hand.turn(asking.system, question=path not in _WITHOUT_DATABASE):
            yield asking


async def judged(request: Request, parts: Parts) -> Caller:
    """The system that asks, by the registry of now. Raises `Refusal` as `caller` does."""
    try:
        return await _proved(request, parts)
    except NotProved as why:
        slug, challenge = "not-proved", 'Bearer realm="overgang", error="invalid_token"'
        headers = {"WWW-Authenticate": challenge}
        raise Refusal(slug, f"The credential does not count: {why}.", headers=headers) from None
    except (RegistryUnknown, NoKeys) as unknown:
        headers = {"Retry-After": _AWAY_SECONDS}
        raise Refusal("access-unknown", f"{unknown}.", headers=headers) from None


async def _proved(request: Request, parts: Parts) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        known = parts.gate.remembered(token.strip())
        if known is None:
            known = await asyncio.to_thread(parts.gate.by_token, token.strip())
        return known
    certificate = request.scope.get(CERTIFICATE)
    if certificate is not None:
        return parts.gate.by_certificate(certificate)
    raise Refusal("no-credential", headers={"WWW-Authenticate": 'Bearer realm="overgang"'})


async def _known(asking: Annotated[Caller | None, Depends(caller)]) -> Caller:
    return known(asking)


def known(asking: Caller | None) -> Caller:
    """The system that asks. Raises `Refusal` on an open route."""
    if asking is None:
        raise Refusal("no-credential")
    return asking


Asking = Annotated[Caller, Depends(_known)]
"""The system that asks."""


async def _operator(asking: Asking) -> Caller:
    if not asking.operates:
        raise Refusal("operator-only")
    return asking


async def _monitor(asking: Asking) -> Caller:
    if not asking.monitors:
        raise Refusal("operator-only")
    return asking


Operator = Annotated[Caller, Depends(_operator)]
"""The system that asks, which is the operator's."""
Monitor = Annotated[Caller, Depends(_monitor)]
"""The system that asks, which may see readiness and metrics."""


def _readable_party(
    role: Annotated[Literal["institution", "municipality"], Path()],
    code: Annotated[str, Path(pattern="^[0-9]{3}([0-9]{3})?$", examples=["751"])],
    asking: Asking,
) -> PartyAddress:
    party = PartyAddress(f"/{role}/{code}")
    if not asking.reads(party):
        raise Refusal("no-grant", f"The system {asking.system} may not read for this party; name its own.")
    return party


Own = Annotated[PartyAddress, Depends(_readable_party)]
"""A party for which the asking system may read."""
