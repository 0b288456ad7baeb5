from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from event_model.errors import ConfigError
from store import retention
from store.journal import Journal
from tests.store.batches import DAY, NOON, batch

NOW = datetime.fromtimestamp(NOON, UTC)


@pytest.mark.parametrize(
    ("text", "days"),
    [("12h", 0.5), ("90d", 90), ("2w", 14), ("1y", 365), (" 1.5 D ", 1.5), ("forever", None), (None, None)],
)
def test_ages_are_read(text: str | None, days: float | None) -> None:
    assert retention.age(text) == (timedelta(days=days) if days else None)


@pytest.mark.parametrize(
    ("text", "bytes"),
    [
        ("50GB", 50_000_000_000),
        ("500 mb", 500_000_000),
        ("1.5TiB", 1_649_267_441_664),
        ("9000", 9000),
        ("none", None),
        (None, None),
    ],
)
def test_sizes_are_read(text: str | None, bytes: int | None) -> None:
    assert retention.size(text) == bytes


@pytest.mark.parametrize("text", ["90", "d", "-1d", "0d", "six days", "1d 2h", "999999999999y", "3m"])
def test_what_is_no_age_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.retention: .* is no age; write 12h, 90d"):
        retention.age(text)


@pytest.mark.parametrize("text", ["0GB", "GB", "-5GB", "50XB", "a lot"])
def test_what_is_no_size_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.max_size: .* is no size; write 500MB"):
        retention.size(text)


def days(root: Path, count: int) -> Journal:
    """A journal of so many days, today the last of them."""
    journal = Journal(root, writable=True)
    for before in reversed(range(count)):
        journal.append(batch([bytes(1000)], received=NOON - before * DAY), {})
    return journal


def test_days_past_the_age_are_dropped(tmp_path: Path) -> None:
    with days(tmp_path, 5) as journal:
        gone = retention.apply(journal, NOW, age=timedelta(days=2), size=None)
        assert gone == ["20261119-000", "20261120-000"]  # of the 21st, some is younger than two days
        assert journal.partitions() == ["20261121-000", "20261122-000", "20261123-000"]
        assert retention.apply(journal, NOW, age=timedelta(days=2), size=None) == []


def test_the_oldest_days_are_dropped_until_the_rest_fits(tmp_path: Path) -> None:
    with days(tmp_path, 5) as journal:
        for name in journal.partitions():
            (tmp_path / name / "index").mkdir()
            (tmp_path / name / "index" / "part").write_bytes(bytes(100_000))
        bound = journal.size() - 150_000
        assert retention.apply(journal, NOW, age=None, size=bound) == ["20261119-000", "20261120-000"]
        assert journal.size() <= bound


def test_the_partition_being_written_is_never_dropped(tmp_path: Path) -> None:
    with days(tmp_path, 3) as journal:
        gone = retention.apply(journal, NOW + timedelta(days=1000), age=timedelta(hours=1), size=1)
        assert gone == ["20261121-000", "20261122-000"] and journal.partitions() == ["20261123-000"]


def test_a_dry_run_only_says_what_would_go(tmp_path: Path) -> None:
    days(tmp_path, 3).close()
    journal = Journal(tmp_path)
    assert retention.apply(journal, NOW, age=timedelta(hours=1), size=None, dry_run=True) == [
        "20261121-000",
        "20261122-000",
    ]
    assert len(journal.partitions()) == 3


def test_without_bounds_nothing_is_dropped(tmp_path: Path) -> None:
    with days(tmp_path, 3) as journal:
        assert retention.apply(journal, NOW + timedelta(days=10_000), age=None, size=None) == []
