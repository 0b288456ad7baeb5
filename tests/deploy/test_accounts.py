"""The scripts of compose.yaml against a real server: secrets that are random and private, and accounts that can work."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from store.elastic import check, setup
from store.elastic.client import Connection, connect
from store.elastic.state import ClusterState
from store.elasticsearch import Elasticsearch
from store.query import parse
from tallyman.config import Config
from tallyman.wiring import make_normalizer
from tests.services import elasticsearch as service
from tests.services.cluster import RETENTION, clean, fresh_names
from tests.services.elasticsearch import Server

SCRIPTS = Path(__file__).resolve().parents[2] / "deploy" / "elasticsearch"
OWNERS = ("elasticsearch", "kibana", "setup", "tallyman")


@pytest.fixture(scope="module")
def prepared(secure_elasticsearch: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("curl"):
        pytest.skip("no curl here; the image of Elasticsearch has it")
    folder = tmp_path_factory.mktemp("secrets")
    prepare(folder)
    return folder


def prepare(folder: Path) -> None:
    environment = {
        **os.environ,
        "ES_HOME": str(service.installed()),
        "ES_JAVA_HOME": str(service.java_home()),
    }
    done = subprocess.run(
        ["bash", SCRIPTS / "prepare.sh", folder], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_secret_is_random_private_and_never_made_again(prepared: Path) -> None:
    words = [(prepared / owner / "password").read_text() for owner in OWNERS]
    assert len(set(words)) == len(OWNERS) and all(len(word) == 40 and word.isalnum() for word in words)
    for path in prepared.glob("*/*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400, path
    before = {path: path.read_bytes() for path in prepared.glob("*/*")}
    prepare(prepared)
    assert {path: path.read_bytes() for path in prepared.glob("*/*")} == before


def test_the_certificate_is_of_the_authority_that_everyone_gets(prepared: Path) -> None:
    for owner in OWNERS:
        command = [
            "openssl",
            "verify",
            "-CAfile",
            prepared / owner / "ca.crt",
            "-verify_hostname",
            "elasticsearch",
        ]
        subprocess.run([*command, prepared / "elasticsearch" / "server.crt"], check=True, capture_output=True)


def test_the_accounts_can_do_their_part(secure_elasticsearch: Server, prepared: Path, tmp_path: Path) -> None:
    server = secure_elasticsearch
    folder = tmp_path / "secrets"
    shutil.copytree(prepared, folder)
    for name, content in (("password", server.password), ("ca.crt", server.ca_file.read_text())):
        (folder / "elasticsearch" / name).unlink()
        (folder / "elasticsearch" / name).write_text(content)
    environment = {**os.environ, "ELASTICSEARCH_USER": service.USER}
    for _ in range(2):  # it may be repeated
        done = subprocess.run(
            ["bash", SCRIPTS / "accounts.sh", server.url, folder],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.password not in done.stdout + done.stderr
    ours = fresh_names("acc")
    for account, secrets, purpose in (("tallyman_setup", "setup", "setup"), ("tallyman", "tallyman", "run")):
        way = Connection(
            hosts=(server.url,),
            ca_file=server.ca_file,
            username=account,
            password_file=folder / secrets / "password",
        )
        client = connect(way)
        if purpose == "setup":
            assert setup.setup(client, way, ours, RETENTION)
        found = [each for each in check.check(client, way, ours, RETENTION, purpose) if each.level == "fail"]
        assert found == []
        client.close()
    with closing(Elasticsearch(way, ours, make_normalizer(Config()))) as store:  # as the account of the run
        assert store.count(parse("")) == 0
    with closing(ClusterState(connect(way), way, ours)) as state:
        state.check()
    admin = connect(
        Connection(hosts=(server.url,), ca_file=server.ca_file, username=service.USER,
                   password_file=folder / "elasticsearch" / "password")
    )  # fmt: skip
    clean(admin, ours)
    admin.close()
