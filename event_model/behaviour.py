"""What an event tells of somebody's behaviour: declared beside each format, read by the detectors.

A format that declares a `Behaviour` gets behaviour detection; it needs to know nothing of the detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from msgspec import Struct

from event_model.event import Event


class Facets(Struct, frozen=True, gc=False):
    """Who did what, from where. None (or empty) where the record does not say.

    Generated parts are cut from every value (hashes of replica sets and pods, versions of clients), because what
    is new with every release is no news.
    """

    actor: str  # a user, an account, a container; the network of the source where nobody has signed in
    group: str  # its peers, by convention of names or groups: people, node, application …
    action: str  # what was done: `list secrets`, `create pods/exec`, `container start`
    kind: str  # class of the action, a key of `Behaviour.priors`: `secret read`, `exec`
    namespace: str | None = None  # where: namespace, virtual host, project of compose
    source: str | None = None  # network of the source: /24 or /64
    client: str | None = None  # family of the client, without version
    outcome: str = "ok"  # ok, denied, unauthenticated, missing, rejected, failed
    object: str | None = None  # name of the thing, for sensitive things only (secrets)
    images: tuple[str, ...] = ()  # repositories of the images that a new workload runs


def no_priors() -> Mapping[str, float]:
    return {}


def no_text(event: Event) -> str | None:
    return None


def its_time(event: Event) -> str:
    return event.timestamp


class Behaviour(Struct, frozen=True):
    """How to read behaviour from the events of one format. All of it is pure."""

    # Cheap, asked of every event: events with equal keys have equal facets. None: tells of nobody's behaviour.
    key: Callable[[Event], Hashable]
    # Dear, asked once for a key. None: tells of nobody's behaviour.
    facets: Callable[[Event], Facets | None]
    # Numeric features for windows, such as a duration in seconds. Rates and shares of errors are made by the detector.
    numbers: dict[str, Callable[[Event], float | None]] = {}
    # The line of free text that a log message is, for templates.
    text: Callable[[Event], str | None] = no_text
    # kind -> log odds in nats that a *surprising* act of this kind is hostile; read once, from a data file.
    priors: Callable[[], Mapping[str, float]] = no_priors
    # The event's time: RFC 3339 in UTC, at least to the minute; a cheap reading of `event.timestamp`, asked where there
    # is a key.
    time: Callable[[Event], str] = its_time
    # Whose actors and peers these are, where several formats tell of one kind of source; else the format's name.
    realm: str = ""


class Verdict(Struct, frozen=True):
    """What triage said of one finding of a detector: feedback.

    `benign`: such a value is no news for this entity until `expires`. `true`: the value stays unlearned until then,
    so that it alarms again.
    """

    cluster: str  # where the entity is, as `Origin.cluster` has it
    entity: str  # an actor's name, or, `of_group`, the name of a group: all who are in it
    facet: str | None  # action, namespace, source …; None for any
    value: str | None  # None for any
    benign: bool
    of_group: bool = False
    since: str | None = None  # RFC 3339, of the decision; None: now
    expires: str | None = None  # RFC 3339; None for the detector's default
    reason: str = ""
