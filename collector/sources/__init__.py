"""Where records come from: a file for each source; `type: file` in the configuration is file.py."""

from __future__ import annotations

from event_model.discovery import Parts

SOURCES = Parts("collector.sources", "Source")
