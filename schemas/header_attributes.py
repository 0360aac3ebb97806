"""CloudEvents attributes out of headers: HTTP (`ce-`, percent-encoded text) and Kafka (`ce_`, UTF-8 bytes).

Sources: CloudEvents 1.0.2, HTTP protocol binding 3.1.3 and Kafka protocol binding 3.2.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote_to_bytes

from schemas.problems import Problem
from schemas.shape import field_name

_CONTENT_TYPE: Final = "content-type"
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True)
class _Headers:
    attributes: dict[str, object] = field(default_factory=dict)
    media_type: str | None = None
    problems: list[Problem] = field(default_factory=list)

    def _fault(self, name: str, problem: str, mend: str) -> None:
        self.problems.append(Problem(field_name(name), problem, mend))


class HttpHeaders(_Headers):
    """What HTTP headers say of an event. Headers that are not CloudEvents' are none of its business."""

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Self:
        found = cls()
        for name, text in headers.items():
            lowered = name.lower()
            if lowered == _CONTENT_TYPE:
                found.media_type = text
            elif lowered.startswith("ce-"):
                found._take(lowered, text)
        return found

    def _take(self, name: str, text: str) -> None:
        attribute = name[len("ce-") :]
        if quoted := _QUOTED.fullmatch(text):
            text = re.sub(r"\\(.)", r"\1", quoted[1])
        if not text.isascii():
            self._fault(name, "has characters beyond ASCII", "percent-encode them as UTF-8")
            return
        try:
            self.attributes[attribute] = unquote_to_bytes(text).decode() if "%" in text else text
        except UnicodeDecodeError:
            self._fault(name, "is not UTF-8 once percent-decoded", "percent-encode the UTF-8 of the text")


class KafkaHeaders(_Headers):
    """What the headers of a Kafka record say of an event. Headers without `ce_` are left alone."""

    @classmethod
    def read(cls, headers: Iterable[tuple[str, bytes | None]]) -> Self:
        found = cls()
        for name, value in headers:
            if name == _CONTENT_TYPE or name.startswith("ce_"):
                found._take(name, value)
        return found

    def _take(self, name: str, value: bytes | None) -> None:
        try:
            text = (value or b"").decode()
        except UnicodeDecodeError:
            self._fault(name, "is not UTF-8", "send the text as UTF-8")
            return
        if name == _CONTENT_TYPE:
            self.media_type = text
        elif (attribute := name[len("ce_") :]) in self.attributes:
            self._fault(name, "stands there twice", "send each header once")
        else:
            self.attributes[attribute] = text
