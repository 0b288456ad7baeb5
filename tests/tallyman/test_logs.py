import logging

import pytest

from tallyman.logs import configure


def test_that_a_watch_has_ended_is_no_error_and_that_changes_were_lost_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    watchdog = logging.getLogger("watchdog.observers.inotify")
    watchdog.error("InotifyEmitter.queue_events() called when the thread is inactive")
    watchdog.warning("Inotify queue overflowed; reconciling recursive watches below %r", "/var/log")
    (line,) = capsys.readouterr().err.splitlines()
    assert "queue overflowed" in line
