"""Credentials in commands and lines are replaced, and little else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.credentials import is_credential, mask, mask_bytes, suspicious

HIDDEN = [
    ("sh -c mysql -u root -psecret -e x", "sh -c mysql -u root -p[redacted] -e x"),
    ("exec_create: sh -c mysql -ptop", "exec_create: sh -c mysql -p[redacted]"),
    ("mysqldump -p secret db", "mysqldump -p [redacted] db"),
    ("docker login -u bob -p s3cr3t registry.example.com", "docker login -u bob -p [redacted] registry.example.com"),
    ("app -p secret", "app -p [redacted]"),
    ("redis-cli -a hunter2 get x", "redis-cli -a [redacted] get x"),
    ("curl -u bob:pw http://x", "curl -u bob:[redacted] http://x"),
    ("curl https://u:p%40ss@host/x", "curl https://u:[redacted]@host/x"),
    ("curl -H 'Authorization: Bearer abc.def' http://x", "curl -H 'Authorization: Bearer [redacted]' http://x"),
    ("PASSWORD=hunter2 ./run", "PASSWORD=[redacted] ./run"),
    ("env DB_PASS='my pass' app", "env DB_PASS='[redacted]' app"),
    ("psql --password foo", "psql --password [redacted]"),
    ("x --api-key k1 y", "x --api-key [redacted] y"),
    ("kubectl create secret generic db --from-literal=password=pw", "kubectl create secret generic db --from-literal=password=[redacted]"),
    ('{"level":"info","password":"x\\"y","n":1}', '{"level":"info","password":"[redacted]","n":1}'),
    (r'{\"password\":\"hunter2\",\"a\":1}', r'{\"password\":\"[redacted]\",\"a\":1}'),
    ("password: hunter", "password: [redacted]"),
    ("GET /x?access_token=abc123&b=1", "GET /x?access_token=[redacted]&b=1"),
    ("vault login hvs.AAAAAAAAAAAAAAAAAAAAAAAAA", "vault login [redacted]"),
    ("AKIAABCDEFGHIJKLMNOP", "[redacted]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.abc", "[redacted]"),
]  # fmt: skip

LEFT = [
    "export TOKEN=$TOKEN",
    "PASSWORD_FILE=/run/secrets/x app",
    "cat /run/secrets/db_password /app/.env",
    "docker login --password-stdin registry.example.com",
    "mkdir -p data",
    "ssh -p 22 host",
    "ps -p 1",
    "some -p 8080:80",
    "ls -l -a x",
    "token: not found",
    "secrets: get, list",
    "max_tokens: 100",
    "passenger: 5",
    "db_password_2",
    "sh -c echo 'a  b' \"c\" | tail -1; exit 3",
]


@pytest.mark.parametrize(("text", "expected"), HIDDEN)
def test_a_credential_is_hidden(text: str, expected: str) -> None:
    assert mask(text) == expected
    assert mask_bytes(text.encode()) == expected.encode()
    assert mask(expected) == expected


@pytest.mark.parametrize("text", LEFT)
def test_what_is_no_credential_is_left(text: str) -> None:
    assert mask(text) == text


@given(st.binary(max_size=200))
def test_bytes_of_any_encoding_pass(raw: bytes) -> None:
    assert mask_bytes(raw) == raw or suspicious(raw)


def test_bytes_around_a_credential_stay_as_they_were() -> None:
    assert mask_bytes(b"\xff\xfe PASSWORD=x \x80") == b"\xff\xfe PASSWORD=[redacted] \x80"


def test_names_tell_credentials_from_what_is_about_them() -> None:
    assert is_credential("DB_PASSWORD") and is_credential("api-key")
    assert not is_credential("PASSWORD_FILE") and not is_credential("com.docker.compose.project")


def test_a_line_full_of_hints_takes_no_more_than_its_length() -> None:
    assert mask("token" * 50_000) == "token" * 50_000
    assert mask("-p secret " * 5_000).count("[redacted]") == 5_000
