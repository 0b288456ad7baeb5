"""Who is told of alerts, a file each."""

from event_model.discovery import Parts

SINKS = Parts("sinks", "Sink")
