"""What differs between what is wanted and what is there, as changes that can be read before they are made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from connectors.administration.found import Found, FoundTopic
from connectors.administration.quotas import Quotas
from connectors.administration.wanted import Acl, Place, Wanted
from streams.topic_definition import TopicShape

Action = Literal["make", "set", "delete", "by hand"]


@dataclass(frozen=True, slots=True)
class Line:
    """One change in words."""

    action: Action
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`settings`: by topic, each with what it is and what it shall be; `quotas`: the same by user. `by_hand`:
    what no command changes."""

    make_topics: Mapping[str, TopicShape] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, tuple[str | None, str]]] = field(default_factory=dict)
    delete_topics: tuple[str, ...] = ()
    make_acls: tuple[Acl, ...] = ()
    delete_acls: tuple[Acl, ...] = ()
    quotas: Mapping[str, Mapping[str, tuple[float | None, float]]] = field(default_factory=dict)
    by_hand: tuple[Line, ...] = ()

    def lines(self) -> Iterator[Line]:
        """Every change, in the order in which they are made."""
        for name, shape in sorted(self.make_topics.items()):
            yield Line("make", f"topic {name}", f"{shape.partitions} partitions, {_told(shape.settings)}")
        for name, changes in sorted(self.settings.items()):
            for key, (is_, shall_be) in sorted(changes.items()):
                yield Line("set", f"topic {name}", f"{key}: {is_ or 'none'} -> {shall_be}")
        for acl in self.make_acls:
            yield Line("make", f"access of {acl.user}", _access(acl))
        for user, limits in sorted(self.quotas.items()):
            for name, (is_now, shall) in sorted(limits.items()):
                yield Line("set", f"quota of {user}", f"{name}: {_bytes(is_now)} -> {_bytes(shall)}")
        for acl in self.delete_acls:
            yield Line("delete", f"access of {acl.user}", _access(acl))
        for name in self.delete_topics:
            yield Line("delete", f"topic {name}", "with every message on it")
        yield from self.by_hand


def plan(wanted: Wanted, found: Found, place: Place) -> Plan:
    """Topics and access outside this gateway's place on the broker are not looked at."""
    there = wanted.topics.keys() & found.topics.keys()
    by_hand = [line for name in sorted(there) for line in _by_hand(name, wanted, found, place)]
    changes = {name: _changes(wanted.topics[name], found.topics[name]) for name in there}
    acls = frozenset[Acl]() if found.acls is None else found.acls
    ours = frozenset(acl for acl in acls if _in_place(acl, wanted, place))
    return Plan(
        {name: shape for name, shape in wanted.topics.items() if name not in found.topics},
        {name: change for name, change in changes.items() if change},
        tuple(sorted(found.topics.keys() - wanted.topics.keys())),
        () if found.acls is None else tuple(sorted(wanted.acls - ours)),
        tuple(sorted(ours - wanted.acls)),
        {} if found.acls is None else _quotas(wanted.quotas, found.quotas),
        tuple(by_hand),
    )


def _in_place(acl: Acl, wanted: Wanted, place: Place) -> bool:
    if acl.on == "topic":
        return place.holds(acl.name)
    if acl.on == "group":
        own = place.prefix + acl.user
        return acl.user in wanted.users and (
            acl.name == place.prefix + place.consumer_group or acl.name.startswith(own)
        )
    return acl.user in wanted.users


def _changes(shape: TopicShape, topic: FoundTopic) -> dict[str, tuple[str | None, str]]:
    return {
        key: (topic.settings.get(key), value)
        for key, value in shape.settings.items()
        if topic.settings.get(key) != value
    }


def _quotas(wanted: Quotas, found: Quotas) -> dict[str, dict[str, tuple[float | None, float]]]:
    changes = {
        user: {name: (found.get(user, {}).get(name), shall) for name, shall in limits.items()}
        for user, limits in wanted.items()
    }
    differ = {
        user: {name: (is_, shall) for name, (is_, shall) in limits.items() if is_ != shall}
        for user, limits in changes.items()
    }
    return {user: limits for user, limits in differ.items() if limits}


def _by_hand(name: str, wanted: Wanted, found: Found, place: Place) -> Iterator[Line]:
    shape, topic = wanted.topics[name], found.topics[name]
    if topic.partitions != shape.partitions:
        yield Line(
            "by hand",
            f"topic {name}",
            f"{topic.partitions} partitions, not {shape.partitions}: a number never changes, since keys "
            "would move; set OVERGANG_INBOUND_PARTITIONS to what the inbound topics have",
        )
    if topic.replicas != place.replication_factor:
        yield Line(
            "by hand",
            f"topic {name}",
            f"{topic.replicas} replicas, not {place.replication_factor}: kafka-reassign-partitions.sh mends "
            "that",
        )


def _access(acl: Acl) -> str:
    names = "whose names begin with" if acl.prefixed else "named"
    where = "the cluster" if acl.on == "cluster" else f"{acl.on}s {names} {acl.name}"
    elsewhere = "" if acl.host == "*" else f" from {acl.host}"
    return f"{acl.permission} {acl.operation} on {where}{elsewhere}"


def _bytes(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:.0f}"


def _told(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
