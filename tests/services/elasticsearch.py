"""A real Elasticsearch of one node: fetched from Maven Central once, started as often as a test likes.

What Maven Central has is the smallest distribution; modules/TestModules.java adds what it lacks and the tests need, and
a Dialect.java for each major version what that names in its own way. TALLYMAN_TEST_ELASTICSEARCH_VERSION chooses another
version. Needs Maven and a JDK: 17 or newer, 21 or newer for Elasticsearch 9; `Missing` says what a machine has not.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = os.environ.get("TALLYMAN_TEST_ELASTICSEARCH_VERSION") or "8.19.21"  # one that Maven Central has
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
MAJOR = int(VERSION.partition(".")[0])
OLDEST_JAVA = 17 if MAJOR < 9 else 21  # that this version runs with
JAVAS = Path("/usr/lib/jvm")  # where distributions keep theirs
MODULES = Path(__file__).with_name("modules")
PLUGIN = (MODULES / "TestModules.java", MODULES / f"v{MAJOR}" / "Dialect.java")
START_SECONDS = 300.0  # it takes 15 on a machine that has nothing else to do
PORTS, TRANSPORT = range(20_000, 30_000), "30000-32000"  # of a range it takes the first that is free
END_SECONDS = 60.0  # until a server that was killed is gone
DOWNLOAD_SECONDS = 600.0
USER = "tester"  # of a server with a password; may do everything
UNPRIVILEGED = "nobody"  # Elasticsearch refuses to run as root


class Missing(Exception):
    """This machine can't have the server, and why."""


def cache() -> Path:
    """The folder of what is downloaded and of what runs; everyone may reach it, only its owner may write."""
    folder = Path(os.environ.get("TALLYMAN_TEST_CACHE") or f"/var/tmp/tallyman-services-{os.getuid()}")
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Missing(f"{folder} is someone else's; TALLYMAN_TEST_CACHE names another folder")
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among all processes that ask for the same file."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def java_home() -> Path:
    """The first JDK that is new enough: JAVA_HOME, the one on the PATH, those of the distribution. Raises Missing."""
    named, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    homes = [Path(named)] if named else []
    homes += [Path(on_path).resolve().parent.parent] if on_path else []
    found = {}
    for home in dict.fromkeys(each.resolve() for each in (*homes, *sorted(JAVAS.glob("*")))):
        found[home] = _jdk(home)
        if found[home] >= OLDEST_JAVA:
            return home
    seen = ", ".join(f"{home} is {version or 'none'}" for home, version in found.items())
    raise Missing(f"Elasticsearch {VERSION} needs a JDK {OLDEST_JAVA} or newer ({seen or 'no Java at all'})")


def _jdk(home: Path) -> int:
    """The version of the JDK in this folder; 0 where there is none, for what has no compiler is not enough."""
    if not (home / "bin" / "javac").exists():
        return 0
    said = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True).stderr
    version = said.partition('"')[2].partition(".")[0].partition('"')[0]
    return int(version) if version.isdigit() else 0


def installed() -> Path:
    """The folder of the unpacked distribution with our plugin; fetched and built when it is not there. Raises Missing."""
    home, folder = java_home(), cache()
    mark = hashlib.sha256(b"".join(file.read_bytes() for file in PLUGIN)).hexdigest()[:12]
    place = folder / f"elasticsearch-{VERSION}-{mark}"
    with locked(folder / "install.lock"):
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=folder) as work:
                made = _unpacked(Path(work))
                _build_plugin(home, made, Path(work))
                made.rename(place)
    return place


def _unpacked(work: Path) -> Path:
    maven = shutil.which("mvn")
    if not maven:
        raise Missing("no Maven to fetch it with")
    work.chmod(0o755)
    # in a folder of its own: Maven leaves a mark in the current one, and would not unpack a second time
    done = subprocess.run(
        [maven, "-q", "-B", "-ntp", UNPACK, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={work}"],
        cwd=work, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise Missing(f"Maven could not fetch {ARTIFACT}: {(done.stdout + done.stderr).strip()[-800:]}")
    return work / f"elasticsearch-{VERSION}"


def _build_plugin(home: Path, made: Path, work: Path) -> None:
    """Compile our plugin, for every Java that the server runs with, and put it among the distribution's plugins."""
    classes, target = work / "classes", made / "plugins" / "test-modules"
    target.mkdir(parents=True)
    for command in (
        ["javac", f"--release={OLDEST_JAVA}", "-Xlint:none", "-d", classes, "-cp", f"{made}/lib/*", *PLUGIN],
        ["jar", "cf", target / "test-modules.jar", "-C", classes, "."],
    ):
        done = subprocess.run([home / "bin" / command[0], *command[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (target / "plugin-descriptor.properties").write_text(
        "name=test-modules\ndescription=What tests need and the small distribution lacks\nversion=1\n"
        f"classname=services.TestModules\njava.version={OLDEST_JAVA}\nelasticsearch.version={VERSION}\n"
    )


def free_port() -> int:
    """A port that nobody listens on, nor gets by chance until we do: connections have theirs from 32768 on."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with contextlib.suppress(OSError), socket.socket() as each:
            each.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"none of a hundred ports in {PORTS} is free")


@dataclass
class Server:
    """One node in a folder of its own; `start`, `kill` and `start` again keeps its data."""

    folder: Path
    port: int
    password: str = ""  # of USER; with one there is TLS and security
    heap: str = "512m"
    settings: dict[str, Any] = field(default_factory=dict)  # more of elasticsearch.yml
    java: str = "-XX:TieredStopAtLevel=1"  # starts with half the work; a benchmark wants none of it
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self.password else ''}://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the server's."""
        return self.config / "certs" / "ca.crt"

    def start(self) -> Server:
        """Start it and wait until it answers. Raises AssertionError with the end of its log."""
        assert self._process is None
        home = installed()
        if not self.config.exists():
            self._configure(home)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "ES_JAVA_HOME": str(java_home()),
            "ES_PATH_CONF": str(self.config), "ES_TMPDIR": str(self.folder / "tmp"),
            "ES_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap} {self.java}",
        }  # fmt: skip
        (self.folder / "pid").unlink(missing_ok=True)
        with open(self.folder / "start.log", "wb") as log:
            self._process = subprocess.Popen(
                [home / "bin" / "elasticsearch", "-p", self.folder / "pid"], cwd=self.folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **unprivileged(),
            )  # fmt: skip
        self._wait()
        return self

    def kill(self) -> None:
        """`kill -9` and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it in order, if it runs."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError, ValueError):  # it may have ended by itself, or never begun
            os.kill(int((self.folder / "pid").read_text()), how)
        try:
            process.wait(30)  # the launcher ends with the server that it started
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Ask as USER; the decoded answer. Raises urllib.error.HTTPError and OSError."""
        asked = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            asked.data = json.dumps(body).encode()
            asked.add_header("Content-Type", "application/json")
        trusted = None
        if self.password:
            trusted = ssl.create_default_context(cafile=str(self.ca_file))
            word = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
            asked.add_header("Authorization", f"Basic {word}")
        with urllib.request.urlopen(asked, timeout=30, context=trusted) as answer:
            return json.loads(answer.read() or b"null")

    def _wait(self) -> None:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=10s")
                return
            except (urllib.error.HTTPError, OSError):  # not up yet; with security the first answers are 401
                time.sleep(0.2)
        self.kill()
        raise AssertionError(
            f"Elasticsearch did not start:\n{(self.folder / 'start.log').read_text()[-3000:]}"
        )

    def _configure(self, home: Path) -> None:
        for name in ("data", "logs", "tmp", "snapshots"):
            (self.folder / name).mkdir()
        shutil.copytree(home / "config", self.config)
        settings = {
            "cluster.name": "tests", "node.name": "tests", "discovery.type": "single-node",
            "network.host": "127.0.0.1", "http.port": self.port, "transport.port": TRANSPORT,
            "path.data": str(self.folder / "data"), "path.logs": str(self.folder / "logs"),
            "path.repo": str(self.folder / "snapshots"), "xpack.security.enabled": bool(self.password),
            "cluster.routing.allocation.disk.threshold_enabled": False,
        }  # fmt: skip
        if self.password:
            certify(self.config / "certs")
            (self.config / "users").write_text(f"{USER}:{hashed(self.password)}\n")
            (self.config / "users_roles").write_text(f"superuser:{USER}\n")
            settings |= {
                "xpack.security.autoconfiguration.enabled": False,
                "xpack.security.http.ssl.enabled": True,
                "xpack.security.http.ssl.key": "certs/server.key",
                "xpack.security.http.ssl.certificate": "certs/server.crt",
            }
        lines = (f"{name}: {json.dumps(value)}\n" for name, value in (settings | self.settings).items())
        (self.config / "elasticsearch.yml").write_text("".join(lines))
        give_away(self.folder)


def hashed(password: str) -> str:
    """A password as the server's file of users holds it; its own tool for that takes seconds to start."""
    salt = os.urandom(32)
    mark = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 1000, 32)
    return f"{{PBKDF2}}1000${base64.b64encode(salt).decode()}${base64.b64encode(mark).decode()}"


def unprivileged() -> dict[str, Any]:
    """How a subprocess is started as someone who is not root."""
    if os.getuid() != 0:
        return {}
    who = pwd.getpwnam(UNPRIVILEGED)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def give_away(folder: Path) -> None:
    """Make the folder and all in it belong to whom the server runs as."""
    if os.getuid() != 0:
        return
    who = pwd.getpwnam(UNPRIVILEGED)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, who.pw_uid, who.pw_gid, follow_symlinks=False)


def certify(folder: Path) -> None:
    """An authority of our own, and the server's certificate for this machine."""
    if not shutil.which("openssl"):
        raise Missing("no openssl to make certificates with")
    folder.mkdir()
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tests-authority -keyout ca.key -out ca.crt",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt -extfile names",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def started(
    *, password: str = "", heap: str = "512m", java: str = Server.java, **settings: Any
) -> Iterator[Server]:
    """A server of one's own, stopped and deleted in the end. Raises Missing."""
    with contextlib.ExitStack() as living:
        with locked(cache() / "servers.lock"):
            sweep()
            folder = Path(tempfile.mkdtemp(prefix="server-", dir=cache()))
            living.enter_context(locked(folder.with_suffix(".lock")))  # as long as we live: see sweep
        folder.chmod(0o755)
        server = Server(folder, free_port(), password, heap, settings, java)
        try:
            yield server.start()
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)


def sweep() -> None:
    """End and delete the servers of test runs that were killed: nobody holds their lock any more."""
    for lock in cache().glob("server-*.lock"):
        with contextlib.suppress(OSError), open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = lock.with_suffix("")
            end_all(folder)
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def end_all(folder: Path) -> None:
    """End the processes that were started with this folder, and wait until they are gone: a large one takes a while."""
    until = time.monotonic() + END_SECONDS
    while (left := running_in(folder)) and time.monotonic() < until:
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def running_in(folder: Path) -> list[int]:
    """The processes that were started with this folder: looked up by what they are, for a noted id may be reused."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (each / "cmdline").read_bytes()
            if f"{folder}/".encode() in words and b"org.elasticsearch" in words:
                found.append(int(each.name))
    return found
