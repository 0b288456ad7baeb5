"""deploy/compose.yaml: secure by default, whole in itself, and in agreement with the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.elastic import roles
from tallyman import wiring
from tallyman.config import Config, load

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
LASTING = ("elasticsearch", "kibana", "tallyman")
ours = pytest.mark.parametrize("name", SERVICES)


def mounts(name: str) -> dict[str, str]:
    """Where a service sees what: path -> volume or folder."""
    return {
        each.split(":")[-2 if each.endswith(":ro") else -1]: each.split(":")[0]
        for each in SERVICES[name]["volumes"]
    }


def test_compose_can_read_the_file() -> None:
    """The plugin if there is one, else the program of its first version, which does not know `name`."""
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        command = ["docker", "compose"]
    elif shutil.which("docker-compose"):
        command = ["docker-compose"]
    else:
        pytest.skip("neither `docker compose` nor docker-compose is installed")
    content = {key: value for key, value in COMPOSE.items() if key != "name"}
    done = subprocess.run(
        [*command, "--project-directory", str(DEPLOY), "-f", "-", "config"],
        input=yaml.safe_dump(content), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)


@ours
def test_every_port_is_on_loopback(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@ours
def test_no_variable_holds_a_secret(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        secret = re.search("PASSWORD|KEY$|TOKEN|SECRET", variable)
        assert not secret or variable.endswith("_FILE") or str(value).startswith("certs/"), variable


@pytest.mark.parametrize("name", LASTING)
def test_what_stays_running_gains_no_rights_and_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"] and service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped" and service["healthcheck"]["test"]
    assert service.get("user") != "0" and "privileged" not in service


@pytest.mark.parametrize("name", LASTING)
def test_nobody_sees_the_secrets_of_another(name: str) -> None:
    assert {volume for volume in mounts(name).values() if volume.endswith("-secrets")} == {f"{name}-secrets"}


@ours
def test_every_volume_is_declared_and_every_file_is_there(name: str) -> None:
    for source in mounts(name).values():
        if source.startswith("./"):
            assert (DEPLOY / source).exists()
        else:
            assert source in COMPOSE["volumes"] or source.startswith("${")


@ours
def test_every_service_waits_for_what_it_needs(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        lasting = needed in LASTING
        assert how["condition"] == ("service_healthy" if lasting else "service_completed_successfully")


def test_all_parts_of_the_stack_have_one_version() -> None:
    images = {service["image"] for service in SERVICES.values() if "elastic.co" in service["image"]}
    assert {image.partition(":")[2] for image in images} == {"${STACK_VERSION:-8.19.21}"}


@pytest.mark.parametrize("name", ["setup", "tallyman"])
def test_the_configuration_works_and_finds_its_files(name: str) -> None:
    environment = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
    config = load(DEPLOY / "tallyman.yaml", environment)
    section, seen = config.store.elasticsearch, mounts(name)
    assert config.store.type == "elasticsearch" and wiring.connection(config).hosts == (
        "https://elasticsearch:9200",
    )
    assert {str(section.ca_file), str(section.password_file)} == {"/secrets/ca.crt", "/secrets/password"}
    assert "/secrets" in seen and "/etc/tallyman/tallyman.yaml" in seen
    wiring.make_sources(config)
    assert SERVICES[name]["command"][:2] == ["--config", "/etc/tallyman/tallyman.yaml"]


def test_the_run_keeps_its_data_and_publishes_the_port_of_its_api() -> None:
    config: Config = load(DEPLOY / "tallyman.yaml", {})
    assert mounts("tallyman")[str(config.store.path)] == "tallyman-data"
    assert SERVICES["tallyman"]["ports"] == [f"127.0.0.1:{config.api.port}:{config.api.port}"]
    assert f":{config.api.port}/healthz" in SERVICES["tallyman"]["healthcheck"]["test"][-1]


def test_the_accounts_have_the_roles_of_what_they_do() -> None:
    script = (DEPLOY / "elasticsearch" / "accounts.sh").read_text()
    given = {
        name: set(roles.split()) for name, roles in re.findall(r"^user (\w+) \w+ (.*)$", script, re.MULTILINE)
    }
    assert given["tallyman"] >= {
        f"tallyman_{role}" for purpose in ("run", "serve") for role in roles.PURPOSES[purpose]
    }
    assert given[SERVICES["setup"]["environment"]["TALLYMAN_STORE__ELASTICSEARCH__USERNAME"]] == {
        "tallyman_setup"
    }


def test_the_image_runs_as_the_one_who_owns_its_secrets() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)
    assert f"give {user} " in (DEPLOY / "elasticsearch" / "prepare.sh").read_text()
    assert user.partition(":")[0] != "0"


def test_the_image_holds_what_is_pinned_and_nothing_of_what_we_develop_with() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE))

    all_pins, image = pins(DEPLOY.parent / "requirements.lock"), pins(DEPLOY / "requirements.lock")
    assert image.items() <= all_pins.items()
    assert "elasticsearch" in image and not {"pytest", "mypy", "ruff", "hypothesis"} & set(image)


def test_the_image_is_built_of_every_package_of_the_program() -> None:
    import tomllib

    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())
    let_in = {
        line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]} <= let_in
    assert {"pyproject.toml", "requirements.lock", "deploy/requirements.lock"} <= let_in
