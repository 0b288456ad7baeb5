"""How far each cluster has taken the journal, what only the journal has whole, and what hinders the feed."""

from __future__ import annotations

from dataclasses import dataclass, field

from store.sqlite import SqliteFile

FED, COPIED = "fed", "copied"  # by a run; by `tallyman store copy`
Place = tuple[str, int]  # partition, pointer
BEGINNING: Place = ("", -1)


@dataclass(slots=True)
class Taken:
    """How far the cluster at an address has taken the journal, under a namespace.

    A place belongs to a cluster, which its UUID tells from every other, and not to an address: there another may
    answer tomorrow. Until one answers, it is taken for the one that did so last.
    """

    file: SqliteFile
    address: str
    namespace: str
    way: str = FED
    cluster: str = field(default="", init=False)  # UUID; empty before any has answered
    is_certain: bool = field(default=False, init=False)  # it has answered since the run began

    def __post_init__(self) -> None:
        rows = self.file.read("SELECT cluster, certain FROM clusters WHERE address = ?", (self.address,))
        if rows:
            self.cluster, self.is_certain = rows[0]["cluster"], bool(rows[0]["certain"])

    def ask(self) -> None:
        """Feeding begins: whether the same answers is to be seen. A copy does not unsettle the run that it goes on beside."""
        if self.way == FED:
            self._note(self.cluster, False)

    def answered(self, cluster: str) -> None:
        """This one is at the address."""
        self._note(cluster, True)

    def _note(self, cluster: str, is_certain: bool) -> None:
        self.cluster, self.is_certain = cluster, is_certain
        with self.file.transaction() as connection:
            row = self.address, cluster, is_certain
            connection.execute("INSERT OR REPLACE INTO clusters VALUES (?, ?, ?)", row)

    def place(self) -> Place:
        """Partition and pointer of the last record that it has taken; BEGINNING for none."""
        rows = self.file.read(
            "SELECT partition, pointer FROM taken WHERE way = ? AND cluster = ? AND namespace = ?",
            (self.way, self.cluster, self.namespace),
        )
        return (rows[0]["partition"], rows[0]["pointer"]) if rows else BEGINNING

    def move(self, place: Place) -> None:
        """It has taken everything up to here."""
        with self.file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?, ?)",
                (self.way, self.cluster, self.namespace, *place),
            )


@dataclass(slots=True)
class Feeding:
    """What a feed tells other processes on this machine."""

    file: SqliteFile

    def hold(self, place: Place, event: str, reason: str, now: float) -> None:
        """Only the journal has this record whole, and why."""
        with self.file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", (*place, event, reason, now)
            )

    def held(self) -> dict[Place, str]:
        """What only the journal has whole, by place, with the reason."""
        rows = self.file.read("SELECT partition, pointer, reason FROM held")
        return {(row["partition"], row["pointer"]): row["reason"] for row in rows}

    def forget(self, partition: str) -> None:
        """The partition is gone, and what was held in it."""
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM held WHERE partition = ?", (partition,))

    def remark(self, reason: str, since: float) -> None:
        """Say what hinders it, and since when; no reason: nothing does."""
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM troubles WHERE name = ?", (FED,))
            if reason:
                connection.execute("INSERT INTO troubles VALUES (?, ?, ?)", (FED, reason, since))

    def trouble(self) -> tuple[str, float]:
        """What hinders it, and since when (seconds since the epoch); ("", 0.0) where nothing does."""
        rows = self.file.read("SELECT reason, since FROM troubles WHERE name = ?", (FED,))
        return (rows[0]["reason"], rows[0]["since"]) if rows else ("", 0.0)
