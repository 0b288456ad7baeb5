"""The configuration: one YAML file, overridden by TALLYMAN_SECTION__KEY, checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from event_model.errors import ConfigError, nearest

PREFIX = "TALLYMAN_"
SECRETS = ("api_key", "password")  # of store.elasticsearch: never in the file, never shown
NOT_SETTINGS = {"TALLYMAN_CONFIG", "TALLYMAN_VENV", "TALLYMAN_REQUIRE_SERVICES"}


def default_store() -> Path:
    """Where the embedded store is kept unless told otherwise (XDG)."""
    return Path(platformdirs.user_data_dir("tallyman", appauthor=False)) / "store"


def default_file() -> Path:
    """Where the configuration is looked for unless told otherwise (XDG)."""
    return Path(platformdirs.user_config_dir("tallyman", appauthor=False)) / "tallyman.yaml"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartConfig(BaseModel):
    """A source or sink: `type` is its file's name, the other keys are its options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class SourceConfig(PartConfig):
    format: str | None = Field(
        None, description="format of its records; found out from the first ones otherwise"
    )
    cluster: str = Field("", description="name of the cluster or host, part of every event's identity")


class SinkConfig(PartConfig):
    min_severity: Literal["low", "medium", "high", "critical"] = Field(
        "low", description="tell of nothing below"
    )


class ElasticsearchConfig(Section):
    hosts: list[str] = Field([], description="addresses of the cluster: https://es:9200")
    cloud_id: str | None = Field(None, description="of a deployment in Elastic Cloud, instead of `hosts`")

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        return given.replace(",", " ").split() if isinstance(given, str) else given

    namespace: str = Field("default", description="last part of the names of data streams and indices")
    ca_file: Path | None = Field(None, description="certificates to trust instead of the system's")
    fingerprint: str | None = Field(
        None, description="SHA-256 of the one certificate to trust, in hex, with or without colons"
    )
    api_key_file: Path | None = Field(None, description="file with the API key, as Kibana shows it encoded")
    api_key: SecretStr | None = Field(None, description="only by environment")
    username: str | None = None
    password_file: Path | None = Field(None, description="file with the password of `username`")
    password: SecretStr | None = Field(None, description="only by environment")
    plain_http: bool = Field(
        False, description="send the key or password over http:// to another machine all the same"
    )
    timeout: str = Field("30s", description="longest wait for one answer")
    keep: str = Field("1d", description="how long the journal keeps what the cluster has taken")
    most_behind: str = Field(
        "10GB", description="sources wait when the cluster is further behind the journal"
    )


class StoreConfig(Section):
    type: Literal["embedded", "elasticsearch"] = Field(
        "embedded", description="where events are searched: on this machine, or in a cluster"
    )
    path: Path = Field(default_factory=default_store, description="folder of journal, index and state")
    retention: str = Field("90d", description="delete what is older: 12h, 90d, 2w, forever")
    max_size: str | None = Field(None, description="delete the oldest days past this size: 50GB")
    elasticsearch: ElasticsearchConfig = ElasticsearchConfig()


class RulesConfig(Section):
    packs: list[str] = Field(["shipped"], description="`shipped`, or folders of Sigma rules")
    group_window: str = Field("1h", description="matches of one rule and group within it make one alert")


class ActorsConfig(Section):
    """Who is watched: by the detectors that watch actors, together."""

    groups: dict[str, str] = Field(
        {},
        description="pattern of actors -> group of peers, before what the format says; the first that fits",
    )
    priors: dict[str, float] = Field(
        {}, description="kind of act, or `GROUP/KIND` -> nats, before what the format says"
    )
    most: int = Field(20_000, ge=1, description="actors that are remembered")
    values: int = Field(2_000_000, ge=1, description="values that are remembered, of all actors")
    values_each: int = Field(4096, ge=8, description="values that are remembered, of one actor")


class DetectorsConfig(BaseModel):
    """Which detectors look on; other keys are names of detectors, with their options."""

    model_config = ConfigDict(extra="allow", frozen=True)
    enabled: list[str] = Field(
        ["novelty", "rate", "accumulation", "isolation_forest", "log_template"],
        description="those that look at what is read; `[]` for none",
    )
    budget: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="alerts a day of each detector, on average over a week (unset: its own `alerts_a_day`)",
    )
    learning: bool = Field(False, description="learn what is usual, and tell nobody of what is not")
    actors: ActorsConfig = ActorsConfig()
    feedback: str = Field("30d", description="a closed alert's verdict counts for so long")
    snapshot_every: str = Field("1m", description="write down what was learnt, at most so often")
    history: str = Field("7d", description="a detector without memory first learns from so much of the store")

    @property
    def options(self) -> dict[str, Any]:
        """The options by name of detector, as they were written."""
        return dict(self.model_extra or {})


class ApiConfig(Section):
    enabled: bool = True
    host: str = Field("127.0.0.1", description="loopback unless told otherwise")
    port: int = Field(8080, ge=0, le=65535, description="0 takes a free one")


class Config(Section):
    cluster: str = Field("", description="name given to records of sources that name none")
    sources: dict[str, SourceConfig] = {}
    sinks: dict[str, SinkConfig] = {}
    rules: RulesConfig = RulesConfig()
    detectors: DetectorsConfig = DetectorsConfig()
    store: StoreConfig = Field(default_factory=StoreConfig)
    api: ApiConfig = ApiConfig()


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of a file (or of the default place, where it may be missing) and the environment.

    Raises ConfigError naming file, key and what would be right.
    """
    chosen = path or (Path(named) if (named := environment.get("TALLYMAN_CONFIG")) else None)
    place = chosen or default_file()
    settings: dict[str, Any] = {}
    if chosen or place.exists():
        settings = _read(place)
        _refuse_secrets(place, settings)
    _override(settings, environment)
    _refuse_password_in_hosts(settings)
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(place, each) for each in error.errors())) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. `tallyman config init` writes a first one.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(read, dict | None):
        raise ConfigError(
            f"{path}: must hold keys such as `sources:` and `store:`, not a {type(read).__name__}"
        )
    return read or {}


def _refuse_secrets(path: Path, settings: dict[str, Any]) -> None:
    """Secrets of the cluster stand in files of their own: a configuration is shown, copied and committed."""
    section = _cluster(settings)
    for key in SECRETS:
        if section.get(key) is not None:
            raise ConfigError(
                f"{path}: store.elasticsearch.{key}: a secret does not belong here. Put it into a file that only "
                f"Tallyman may read and name that with `{key}_file`, or in the environment: "
                f"TALLYMAN_STORE__ELASTICSEARCH__{key.upper()}[_FILE]"
            )


def _refuse_password_in_hosts(settings: dict[str, Any]) -> None:
    """Wherever it was set: an address is shown."""
    hosts = _cluster(settings).get("hosts")
    if any("@" in str(host) for host in (hosts if isinstance(hosts, list) else [hosts])):
        raise ConfigError(
            "store.elasticsearch.hosts: no user and password in an address; there are `username` and `password_file`"
        )


def _cluster(settings: dict[str, Any]) -> dict[str, Any]:
    """The section store.elasticsearch; empty where there is none."""
    section: Any = settings
    for key in ("store", "elasticsearch"):
        section = section.get(key) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else {}


def _is_setting(keys: list[str]) -> bool:
    """Whether a setting has just this name, such as store.elasticsearch.ca_file."""
    section: Any = Config
    for key in keys[:-1]:
        section = getattr(section, "model_fields", {}).get(key)
        section = section and section.annotation
    return keys[-1] in getattr(section, "model_fields", {})


def _override(settings: dict[str, Any], environment: Mapping[str, str]) -> None:
    """TALLYMAN_STORE__PATH=/x sets store.path; with _FILE at the end the value is what that file holds."""
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or name.startswith("TALLYMAN_TEST_"):
            continue
        keys = name.removeprefix(PREFIX).lower().split("__")
        if keys[-1].endswith("_file") and keys[0] != "sinks" and not _is_setting(keys):
            keys[-1] = keys[-1].removesuffix("_file")
            try:
                value = Path(value).read_text("utf-8").strip()
            except OSError as error:
                raise ConfigError(f"{name}: {value}: {error.strerror}") from None
        place = settings
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{name}: {key} is not a section")
        place[keys[-1]] = value if keys[-1] in SECRETS else _value(value)


def _value(text: str) -> Any:
    """The value of a variable: text, or YAML where it is a list or an object."""
    return yaml.safe_load(text) if text[:1] in "[{" else text


def _explain(path: Path, error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        given = "" if error["loc"][-1] in SECRETS else f", not {error['input']!r}"
        return f"{path}: {where}: {error['msg']}{given}"
    section: Any = Config
    for part in error["loc"][:-1]:
        section = section.model_fields[part].annotation
    choices = sorted(section.model_fields)
    last = str(error["loc"][-1])
    return f"{path}: no key {where!r}; here there are {', '.join(choices)}.{nearest(last, choices)}"


EXAMPLE = """\
# Tallyman reads logs, checks each record against rules, keeps everything searchable and tells of alerts.
cluster: my-cluster

sources:
  audit:
    type: file
    paths: [/var/log/kubernetes/audit/audit.log]
    format: kubernetes_audit
  # docker:
  #   type: file
  #   paths: [/var/log/docker-events.jsonl]     # docker events --format '{{json .}}' >> this file
  #   format: docker_events

sinks:
  console: {type: stdout, min_severity: medium}
  # hook: {type: webhook, url: https://example.com/alerts, secret_file: /etc/tallyman/hook.key}

rules:
  packs: [shipped]                              # and folders of your own Sigma rules

detectors:
  novelty: {alerts_a_day: 3}                    # on average over a week; each detector has such a budget
  # enabled: [novelty]                          # only this one; [] for none

store:
  retention: 90d
  # type: elasticsearch                         # events of many machines in a cluster: docs/elasticsearch.md
  # elasticsearch: {hosts: ["https://es:9200"], ca_file: /etc/tallyman/ca.crt, api_key_file: /etc/tallyman/api.key}

api:
  host: 127.0.0.1
  port: 8080
"""
