"""What every test may ask for."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.services.fixtures import cluster, elasticsearch, secure_elasticsearch  # noqa: F401  # fixtures

ROOT = Path(__file__).resolve().parent.parent

# what a shell starts in the background ignores interrupts, and so would the processes that tests interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# how long an example takes depends on what else the machine does
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Third-party records beside the checkout, in ../shared/data: `shared_data("gke")` is a path, or the test is skipped."""

    def find(name: str) -> Path:
        path = ROOT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"{path.name}: records of others are not beside this checkout")
        return path

    return find


@pytest.fixture(scope="session")
def sample_logs() -> Path:
    return ROOT / "sample_logs"
