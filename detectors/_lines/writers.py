"""All who write lines: bounded, whoever floods it, and none has fewer shapes because its neighbours have many."""

from __future__ import annotations

from collections.abc import Iterable

from detectors._lines.commons import Commons
from detectors._lines.entity import GONE, Entity, Group, Shape
from detectors._lines.templates import signature, words_of
from detectors._watch.actors import SEPARATOR
from detectors._watch.clock import Clock
from detectors._watch.crowd import WITHIN_WINDOW, least_known
from detectors._watch.peers import Key, key_of
from event_model.behaviour import Facets
from event_model.event import Origin

MOST_SIGNATURES = 16_384
MOST_REFUSED = 1000  # lines of an entity in a window; then only lines like those before are looked for, which costs little
FULL, FREED = 0.95, 0.875  # of all shapes: from where on the greatest give, and down to where


class Writers:
    """All entities of all formats, and what their shapes have in common."""

    def __init__(self, most: int, shapes: int, each: int) -> None:
        self.most, self.shapes, self.each = most, shapes, each
        self.share = max(1, int(FREED * shapes) // most)  # shapes that nobody ever loses to others
        self.entities: dict[str, Entity] = {}
        self.groups: dict[Key, Group] = {}
        self.commons = Commons()
        self.size = 0  # shapes of all
        self._signatures: dict[tuple[Entity, bytes], Shape] = {}
        self._is_stale = False  # some of these are of shapes that are forgotten

    def entity(self, origin: Origin, facets: Facets, clock: Clock) -> Entity | None:
        """The entity of these facets, met now if it is new; None in a crowd, of which some go when the window closes."""
        name = SEPARATOR.join((origin.format, origin.cluster, facets.actor))
        found = self.entities.get(name)
        if found is None and len(self.entities) < WITHIN_WINDOW * self.most:
            group = self.group(key_of(self.groups, origin.cluster, facets.group))
            found = self.add(
                Entity(
                    facets.actor, origin.format, group, clock.minute, origin.cluster, clock.flow, clock.flow
                )
            )
        return found

    def add(self, entity: Entity) -> Entity:
        entity.group.members += 1
        self.entities[entity.name] = entity
        return entity

    def group(self, key: Key) -> Group:
        """The group of that key, made if it is new."""
        return self.groups.setdefault(key, Group(key))

    def find(self, entity: Entity, line: str, minute: int) -> Shape | None:
        """The shape of an entity's line, made if it is new; None where the entity has too many."""
        mark = (entity, signature(line))
        shape = self._signatures.get(mark)
        if shape is not None or entity.unshaped >= MOST_REFUSED:
            return shape
        words = words_of(line)
        place = entity.tree.place(words)
        shape = entity.tree.find(words, place)
        if shape is None and self._has_room(entity):
            shape = self.know(Shape(entity, self.commons.find(words), minute, words, place))
        if shape is not None:
            self._remember(mark, shape)
        return shape

    def _has_room(self, entity: Entity) -> bool:
        """Its own bound counts, and with all that there are, that nobody falls below an equal share."""
        size = len(entity.shapes)
        return size < self.each and (self.size < self.shapes or size < self.share)

    def know(self, shape: Shape) -> Shape:
        """Its entity writes this shape from now on."""
        entity, common = shape.entity, shape.common
        common.writers += common not in entity.commons
        entity.commons[common] += 1
        entity.shapes.append(shape)
        entity.tree.add(shape)
        self.size += 1
        return shape

    def _remember(self, mark: tuple[Entity, bytes], shape: Shape) -> None:
        if len(self._signatures) >= MOST_SIGNATURES:
            for old in list(self._signatures)[: MOST_SIGNATURES // 2]:
                del self._signatures[old]
        self._signatures[mark] = shape

    def forget(self, entity: Entity, shapes: Iterable[Shape]) -> None:
        """The entity no longer knows these. `tidy` is to follow."""
        for shape in shapes:
            shape.window = GONE
            entity.tree.remove(shape)
            entity.commons[shape.common] -= 1
            if not entity.commons[shape.common]:
                del entity.commons[shape.common]
                self.commons.leave(shape.common)
            self.size -= 1
            self._is_stale = True
        entity.shapes = [shape for shape in entity.shapes if shape.window != GONE]

    def trim(self, entity: Entity) -> None:
        """Where an entity was refused shapes by its own bound, forget what it has not written for longest, until an
        eighth of what it may know is free."""
        if entity.unshaped and len(entity.shapes) >= self.each:
            self._cut(entity, self.each - max(1, self.each // 8))

    def make_room(self) -> None:
        """Where there are nearly too many shapes, those who have the most forget what they have not written for longest."""
        if self.size < FULL * self.shapes:
            return
        size = level((len(entity.shapes) for entity in self.entities.values()), int(FREED * self.shapes))
        for entity in self.entities.values():
            self._cut(entity, max(size, self.share))

    def _cut(self, entity: Entity, most: int) -> None:
        if len(entity.shapes) > most:
            oldest = sorted(entity.shapes, key=lambda shape: shape.seen)
            self.forget(entity, oldest[: len(oldest) - most])

    def shed(self) -> bool:
        """Forget the least known entities, where there are too many. Whether there were."""
        if len(self.entities) <= self.most:
            return False
        for entity in least_known(self.entities.values(), self.most):
            del self.entities[entity.name]
            entity.group.members -= 1
            self.forget(entity, list(entity.shapes))
        return True

    def tidy(self) -> None:
        """Shapes that were forgotten are found no more."""
        if self._is_stale:
            self._is_stale = False
            self._signatures = {
                mark: shape for mark, shape in self._signatures.items() if shape.window != GONE
            }


def level(sizes: Iterable[int], most: int) -> int:
    """The size to which the greatest are cut down so that all together are at most `most`; the smaller keep theirs."""
    left, waiting = most, sorted(sizes)
    for at, size in enumerate(waiting):
        if size * (len(waiting) - at) > left:
            return left // (len(waiting) - at)
        left -= size
    return most
