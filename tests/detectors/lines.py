"""Logs of containers as they are on ordinary days: web servers, workers, a database, one that prints anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from collector.formats.cri_log import Format
from event_model.event import Event, Origin, Record
from tests.detectors.traffic import START, busy, poisson

Line = Callable[[random.Random, datetime], str]
NAMES = [f"{first}{second}" for first in ("al", "be", "car", "di", "em", "fre", "ga") for second in ("ice", "nno", "la", "mut", "ny", "rik")]  # fmt: skip
WORDS = [
    "please",
    "the",
    "order",
    "not",
    "arrived",
    "where",
    "is",
    "my",
    "parcel",
    "thanks",
    "again",
    "refund",
    "blue",
    "size",
    "late",
    "hello",
    "address",
    "wrong",
    "call",
    "me",
    "today",
    "why",
]
FORMAT = Format()


def origin(namespace: str, pod: str, container: str) -> Origin:
    return Origin("pods", "cri_log", f"/var/log/pods/{namespace}_{pod}_0b1c22-33/{container}/0.log", "prod")


def line(where: Origin, moment: datetime, text: str, stream: str = "stdout") -> Event:
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return FORMAT.normalize(Record(f"{stamp} {stream} F {text}".encode()), where)


def _access(chance: random.Random, moment: datetime) -> str:
    path = chance.choice(
        ["/", "/cart", "/api/v1/items/{}", "/api/v1/items/{}/reviews", "/login", "/static/app.{}.js"]
    )
    status = chance.choices([200, 304, 404, 499], [90, 6, 3, 1])[0]
    return (
        f"10.0.{chance.randrange(4)}.{chance.randrange(255)} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "
        f'"GET {path.format(chance.randrange(10**5))} HTTP/1.1" {status} {chance.randrange(90_000)} "-" "Mozilla/5.0"'
    )


def _order(chance: random.Random, moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} INFO  [worker-{chance.randrange(8)}] order {chance.getrandbits(48):012x} of {chance.choice(NAMES)} accepted in {chance.randrange(900)}ms"


def _json(chance: random.Random, moment: datetime) -> str:
    message = chance.choice(["payment captured", "payment authorised", "receipt sent", "webhook delivered"])
    return f'{{"level":"info","ts":"{moment.isoformat()}","msg":"{message}","id":"{chance.getrandbits(64):016x}","ms":{chance.randrange(400)}}}'


def _klog(chance: random.Random, moment: datetime) -> str:
    said = chance.choice([
        f"cache.go:88] refreshed {chance.randrange(900)} keys from 10.0.3.{chance.randrange(255)}:6379",
        f"reflector.go:243] Listing and watching *v1.ConfigMap from {chance.choice(['factory.go:134', 'cache.go:12'])}",
        f"sync.go:51] synced {chance.randrange(40)} objects in {chance.random():.3f}s",
    ])  # fmt: skip
    return f"I{moment:%m%d %H:%M:%S.%f}       1 {said}"


def _database(chance: random.Random, moment: datetime) -> str:
    stamp = f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC [{chance.randrange(30, 40000)}]"
    return chance.choice([
        f"{stamp} LOG:  checkpoint starting: time",
        f"{stamp} LOG:  checkpoint complete: wrote {chance.randrange(900)} buffers ({chance.random() * 9:.1f}%); write={chance.random() * 90:.3f} s",
        f"{stamp} LOG:  automatic vacuum of table \"shop.public.{chance.choice(['orders', 'items', 'users'])}\": index scans: {chance.randrange(3)}",
        f"{stamp} LOG:  duration: {chance.random() * 900:.3f} ms  statement: SELECT * FROM items WHERE id = {chance.randrange(10**6)}",
    ])  # fmt: skip


def _chat(chance: random.Random, moment: datetime) -> str:
    """One that prints what people type: a new shape every minute."""
    said = " ".join(chance.choices(WORDS, k=chance.randrange(2, 9)))
    return f"msg from {chance.choice(NAMES)}: {said}"


# what is rare and ordinary: about once a day in a container
RARE = [
    "WARN  connection to 10.0.3.7:5432 timed out, retrying in 5s",
    "INFO  configuration reloaded from /etc/app/config.yaml (generation 12)",
    "WARN  slow request id=9f31 path=/checkout took 3.214s",
    "INFO  GC pause 212ms heap 812MB -> 344MB",
    "ERROR upstream request failed: context deadline exceeded (attempt 1 of 3)",
    "INFO  received SIGTERM, shutting down gracefully",
    "INFO  leader election lost, stepping down",
    "WARN  certificate of 10.0.3.9 expires in 21 days",
    "ERROR could not send metrics: connection refused",
]
BOOT = ["INFO  starting version 1.14.{}", "INFO  listening on 0.0.0.0:8080", "INFO  connected to database shop at 10.0.3.7:5432", "INFO  loaded 14 feature flags"]  # fmt: skip

KINDS: dict[str, tuple[Line, float]] = {  # container -> its line, lines a minute by day
    "web": (_access, 4.0), "worker": (_order, 2.0), "payment": (_json, 1.5), "controller": (_klog, 1.5),
    "postgres": (_database, 1.0), "chat": (_chat, 0.5),
}  # fmt: skip


def container(namespace: str, name: str, days: float, seed: int) -> Iterator[Event]:
    """The lines of one container: its own by the time of day, restarts every day or two, rare lines now and then, and
    a release with two new kinds of line."""
    chance = random.Random(f"{namespace} {name} {seed}")
    say, rate = KINDS[name]
    rare = chance.sample(RARE, 4)
    release = chance.randrange(int(days * 1440))
    added = [f"INFO  {name} {chance.choice(['warmed up', 'prefetched', 'compacted'])} {{}} entries", f"INFO  feature {name}-beta enabled for {{}} users"]  # fmt: skip
    pod = lambda: f"{name}-7f9c6d5b8d-{''.join(chance.choices('bcdfghjklmnpqrstvwxz', k=5))}"  # noqa: E731
    where = origin(namespace, pod(), name)
    for minute in range(int(days * 1440)):
        moment = START + timedelta(minutes=minute)
        if minute == 0 or minute == release or chance.random() < 1 / 2000:
            where = origin(namespace, pod(), name)
            for at, text in enumerate(BOOT):
                yield line(where, moment + timedelta(milliseconds=40 * at), text.format(chance.randrange(9)))
        for _ in range(poisson(rate * busy(moment), chance)):
            second = moment + timedelta(seconds=1 + chance.uniform(0, 58))
            yield line(where, second, say(chance, second))
        if chance.random() < 4 / 1440:
            text = chance.choice(rare)
            yield line(where, moment + timedelta(seconds=59), text, "stderr" if text[0] in "WE" else "stdout")
        if minute > release and chance.random() < 0.05:
            yield line(
                where, moment + timedelta(seconds=59.5), chance.choice(added).format(chance.randrange(999))
            )
