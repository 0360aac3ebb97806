"""The AsyncAPI 3.0 document of the topics. Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0"""

from typing import Any, Final

from connectors.api_documents.kafka_channels import channels, operations
from connectors.api_documents.kafka_messages import BINDING, messages, schemas
from connectors.settings import Settings
from schemas.media_type import AVRO

_ABOUT: Final = """
What parties write to and read from Kafka, as the gateway sees it: it *receives* on `inbound.*` and *sends* on
`outbound.*`.

* A record is a CloudEvent in binary mode: attributes in `ce_*` headers, data as Avro in the Confluent wire
  format (a zero byte, the schema's id in four bytes, the value). `x-schema-id` is the current release's id.
* Partitions and settings are those that the gateway makes topics with by default; names bear the prefix of
  `OVERGANG_TOPIC_PREFIX`, where there is one.
* In examples a `date` is what Avro holds: days since 1970-01-01.
* Choices are strings in Avro; the schemas list today's values. Expect ones that you do not know.
"""


def asyncapi() -> dict[str, Any]:
    """Channels, operations and messages: from the flows, the Avro schemas and the topics' shapes."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:dk:overgang",
        "info": {
            "title": "Overgang: topics",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "EUPL-1.2"},
        },
        "defaultContentType": AVRO,
        "servers": {"kafka": _server()},
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": schemas(),
            "correlationIds": {"correlationid": {"location": "$message.header#/ce_correlationid"}},
        },
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The broker; `overgang up` prints its address, and that of the HTTP API.",
        "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "Host and port."}},
        "bindings": {
            "kafka": {
                # The HTTP API, which serves the schemas on a registry's routes.
                "schemaRegistryUrl": f"http://127.0.0.1:{Settings.model_fields['http_port'].default}",
                "schemaRegistryVendor": "confluent",
                "bindingVersion": BINDING,
            }
        },
    }
