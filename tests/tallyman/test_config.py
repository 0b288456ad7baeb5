"""The configuration: one file, the environment over it, and errors that say what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from event_model.errors import ConfigError
from event_model.parts import Detector
from tallyman import wiring
from tallyman.commands.config import hide
from tallyman.config import EXAMPLE, Config, DetectorsConfig, load
from tallyman.wiring import behaviour_of, bounds, make_detectors


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tallyman.yaml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = load(None, {})
    assert (config.api.host, config.store.retention, config.rules.packs) == ("127.0.0.1", "90d", ["shipped"])


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="config init"):
        load(tmp_path / "none.yaml", {})


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "store: {retention: 30d}\napi: {port: 1}")
    config = load(path, {"TALLYMAN_API__PORT": "9090", "TALLYMAN_STORE__PATH": "/data"})
    assert (config.api.port, config.store.path, config.store.retention) == (9090, Path("/data"), "30d")


def test_a_secret_may_come_from_a_file_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("prod\n")
    assert load(write(tmp_path, ""), {"TALLYMAN_CLUSTER_FILE": str(tmp_path / "name")}).cluster == "prod"


def test_the_options_of_a_part_are_kept_for_the_part(tmp_path: Path) -> None:
    config = load(write(tmp_path, "sinks: {hook: {type: webhook, url: 'http://x', min_severity: high}}"), {})
    assert (config.sinks["hook"].options, config.sinks["hook"].min_severity) == ({"url": "http://x"}, "high")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stroe: {}", "no key 'stroe'.*Did you mean 'store'"),
        ("store: {retentoin: 1d}", "store.retentoin.*Did you mean 'retention'"),
        ("api: {port: many}", "api.port.*'many'"),
        ("api: {port: 70000}", "api.port"),
        ("sources: {a: {paths: []}}", "sources.a.type"),
        ("- a\n- b", "must hold keys"),
        ("a: [", "tallyman.yaml:1: not YAML"),
        ("a: b: c", "tallyman.yaml:1: not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        load(write(tmp_path, text), {})


def test_the_example_is_a_configuration() -> None:
    assert Config.model_validate(yaml.safe_load(EXAMPLE)).sources["audit"].type == "file"


def test_what_is_shown_hides_secrets_but_not_where_they_stand() -> None:
    shown = hide({"sinks": {"hook": {"secret": "hunter2", "secret_file": "/key", "url": "x"}}})
    assert shown == {"sinks": {"hook": {"secret": "********", "secret_file": "/key", "url": "x"}}}


CLUSTER = "TALLYMAN_STORE__ELASTICSEARCH__"


@pytest.mark.parametrize("key", ["password", "api_key"])
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, f"store: {{elasticsearch: {{{key}: hush-hush}}}}")
    with pytest.raises(ConfigError, match=f"{key}: a secret does not belong here.*{key}_file") as told:
        load(path, {})
    assert "hush-hush" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("store: {elasticsearch: {hosts: ['https://me:hush-hush@es:9200']}}", {}),
        ("store: {elasticsearch: {hosts: {a: 'https://me:hush-hush@es:9200'}}}", {}),
        ("", {CLUSTER + "HOSTS": "https://es:9200,https://me:hush-hush@es:9200"}),
        ("", {"TALLYMAN_STORE__ELASTICSEARCH": "{hosts: ['https://me:hush-hush@es:9200']}"}),
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_shown(
    tmp_path: Path, text: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="no user and password in an address") as told:
        load(write(tmp_path, text), environment)
    assert "hush-hush" not in str(told.value)


def test_a_secret_in_any_other_address_is_shown_as_stars() -> None:
    shown = hide({"url": "https://me:hush-hush@hook:8080/a@b", "text": ["postgres://hush-hush@x see a@b"]})
    assert shown == {"url": "https://********@hook:8080/a@b", "text": ["postgres://********@x see a@b"]}


@pytest.mark.parametrize("word", ["hush-hush", "[hush", "{hush: hush}", "0123"])
def test_a_secret_of_the_environment_is_taken_as_it_is_and_shown_as_stars(tmp_path: Path, word: str) -> None:
    (tmp_path / "word").write_text(word + "\n")
    for given in ({CLUSTER + "PASSWORD": word}, {CLUSTER + "PASSWORD_FILE": str(tmp_path / "word")}):
        config = load(write(tmp_path, ""), given)
        connection = wiring.connection(config)
        taken = connection.password or SecretStr(connection.password_file.read_text().strip())
        assert taken.get_secret_value() == word
        shown = yaml.safe_dump(hide(config.model_dump(mode="json")))
        assert word not in f"{config!r} {config} {connection!r} {shown}"


def test_a_setting_whose_name_ends_with_file_stays_the_name_of_a_file(tmp_path: Path) -> None:
    given = {CLUSTER + "CA_FILE": "/etc/ca.crt", CLUSTER + "HOSTS": "https://a:9200, https://b:9200"}
    section = load(write(tmp_path, ""), given).store.elasticsearch
    assert (section.ca_file, section.hosts) == (Path("/etc/ca.crt"), ["https://a:9200", "https://b:9200"])


@pytest.mark.parametrize("text", ["soon", "0s"])
def test_a_wait_for_the_cluster_that_is_none_is_named_with_its_key(text: str) -> None:
    config = Config.model_validate({"store": {"elasticsearch": {"timeout": text}}})
    with pytest.raises(ConfigError, match=f"store.elasticsearch.timeout: '{text}'"):
        wiring.connection(config)


# detectors


def detectors(text: str) -> DetectorsConfig:
    return Config.model_validate({"detectors": yaml.safe_load(text)}).detectors


def members(made: dict[str, Detector]) -> list[Any]:
    return [each for crew in made.values() for each in crew.members.values()]  # type: ignore[attr-defined]


def test_detectors_that_watch_actors_are_one() -> None:
    names = "novelty, rate, accumulation, log_template"
    assert list(make_detectors(detectors(f"{{enabled: [{names}]}}"))) == ["actors", "log_template"]
    made = make_detectors(detectors(f"{{enabled: [{names}], actors: {{values_each: 9}}}}"))
    assert made["actors"].watch.options.values_each == 9  # type: ignore[attr-defined]


def test_each_enabled_detector_is_made_with_its_options_and_what_formats_declare() -> None:
    made = make_detectors(detectors("{enabled: [novelty, rate], novelty: {floor: 12}}"))
    assert list(made) == ["actors"]
    assert [each.floor for each in members(made)] == [12.0, 12.0]
    assert behaviour_of("kubernetes_audit") is not None
    assert behaviour_of("a_format_that_is_gone") is None
    assert make_detectors(detectors("{enabled: []}")) == {}


def test_a_budget_is_each_detectors_unless_it_has_its_own() -> None:
    def budgets(text: str) -> list[tuple[float, float]]:
        made = members(make_detectors(detectors(text)))
        return [(each.alerts_a_day, each.most_a_day) for each in made]

    assert budgets("{enabled: [novelty, rate]}") == [(3.0, 12.0), (1.0, 6.0)]
    assert budgets("{enabled: [novelty, rate], budget: 10}") == [(10.0, 40.0), (10.0, 40.0)]
    assert budgets("{enabled: [novelty, rate], budget: 10, rate: {alerts_a_day: 2}}")[1] == (2.0, 6.0)


def test_the_environment_reaches_a_detectors_options(tmp_path: Path) -> None:
    given = {"TALLYMAN_DETECTORS__ENABLED": "[novelty]", "TALLYMAN_DETECTORS__NOVELTY__FLOOR": "14"}
    made = make_detectors(load(write(tmp_path, ""), given).detectors)
    assert [each.floor for each in members(made)] == [14.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{noveltee: {}}", "detectors: no key 'noveltee'.*Did you mean 'novelty'"),
        ("{budjet: 3}", "detectors: no key 'budjet'.*Did you mean 'budget'"),
        ("{enabled: [noveltee]}", "detectors.noveltee: .*it has .*novelty.*Did you mean 'novelty'"),
        ("{novelty: {flor: 3}}", "detectors.novelty: novelty has no option 'flor'.*Did you mean 'floor'"),
        ("{novelty: {floor: many}}", "detectors.novelty: novelty: floor: .*'many'"),
        ("{novelty: 3}", "detectors.novelty: must hold options, not 3"),
    ],
)
def test_a_mistake_about_detectors_names_the_key_and_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_detectors(detectors(text))


@pytest.mark.parametrize("key", ["feedback", "history", "snapshot_every"])
def test_a_length_of_time_that_is_none_is_named_with_its_key(key: str) -> None:
    with pytest.raises(ConfigError, match=f"detectors.{key}: 'soon' is no length of time"):
        bounds(Config.model_validate({"detectors": {key: "soon"}}))
