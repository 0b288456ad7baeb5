"""The command line in this process."""

from __future__ import annotations

import sys

import pytest

from tallyman.__main__ import run
from tests.tallyman.world import Ran


@pytest.fixture
def tallyman(capfdbinary: pytest.CaptureFixture[bytes]) -> Ran:
    """Run a command in this process: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        sys.stdout.flush()
        said = capfdbinary.readouterr()
        return code, said.out.decode(), said.err.decode()

    return call
