"""How much a user of the broker may send and fetch: client quotas, read and set.

librdkafka has no request for them. aiokafka, which is here because of Faust, has the one that reads; the one
that sets is described to it below, as KIP-546 has it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ssl import create_default_context
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeClientQuotasRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String

from schemas.password_file import password_in
from schemas.problems import OvergangError
from streams.broker_access import Login

Quotas = Mapping[str, Mapping[str, float]]
"""By user, and by Kafka's name of the quota: bytes a second on each broker."""
_USER: Final = "user"
_ANY: Final = 2
"""Match type of a request: every name that is given, not the default one."""
_SECONDS: Final = 30.0
_TEXT: Final = String("utf-8")
_ENTITY: Final = Array(("entity_type", _TEXT), ("entity_name", _TEXT))
_CHANGE: Final = (("key", _TEXT), ("value", Float64), ("remove", Boolean))


class QuotasRefused(OvergangError):
    """The broker does not answer, or this user may not look or change."""


class _Altered(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 49
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("entries", Array(("error_code", Int16), ("error_message", _TEXT), ("entity", _ENTITY))),
    )


class _Alter(RequestStruct):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _Altered
    SCHEMA = Schema(
        ("entries", Array(("entity", _ENTITY), ("ops", Array(*_CHANGE)))),
        ("validate_only", Boolean),
    )


class _AlterQuotas(Request[_Alter]):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 49

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def build(self, request_struct_class: type[_Alter]) -> _Alter:
        entries = [
            ([(_USER, user)], [(name, float(value), False) for name, value in of.items()])
            for user, of in self._quotas.items()
        ]
        return request_struct_class(entries, False)


@dataclass(frozen=True, slots=True)
class QuotaClient:
    """Asks one broker, which knows the quotas of all. Not to be used inside an event loop."""

    bootstrap: str
    login: Login | None

    def read(self) -> Quotas:
        """Of each user that has one of its own. Raises QuotasRefused, KeyFileError."""
        answer = asyncio.run(self._asked(DescribeClientQuotasRequest([(_USER, _ANY, None)], True)))
        _refuse(answer.error_code)
        return {user: dict(limits) for [(_, user)], limits in answer.entries}

    def set(self, quotas: Quotas) -> None:
        """Other quotas of these users stay. Raises QuotasRefused, KeyFileError."""
        for code, _, _ in asyncio.run(self._asked(_AlterQuotas(quotas))).entries:
            _refuse(code)

    async def _asked(self, request: Request[Any]) -> Any:
        try:
            async with asyncio.timeout(_SECONDS), self._client() as client:
                return await client.send(client.get_random_node(), request)
        except KafkaError as failed:
            raise _refused(type(failed).__name__) from None
        except TimeoutError:
            raise _refused("no answer") from None

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AIOKafkaClient]:
        # What it would write to the terminal is told by our own error.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap, **_secured(self.login))
        await client.bootstrap()
        try:
            yield client
        finally:
            await client.close()


def _secured(login: Login | None) -> dict[str, Any]:
    if login is None:
        return {}
    return {
        "security_protocol": "SASL_SSL",
        "ssl_context": create_default_context(cafile=login.ca_file),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": login.user,
        "sasl_plain_password": password_in(login.password_file, "OVERGANG_KAFKA_PASSWORD_FILE"),
    }


def _refuse(code: int) -> None:
    if code:
        raise _refused(for_code(code).__name__)


def _refused(why: str) -> QuotasRefused:
    return QuotasRefused(
        f"quotas: the broker does not answer or refuses ({why}); see that OVERGANG_KAFKA_USER is the "
        "operator's"
    )
