"""What learns the usual and tells of the unusual, a file each; `novelty` in the configuration is novelty.py."""

from event_model.discovery import Parts

DETECTORS = Parts("detectors", "Detector")
