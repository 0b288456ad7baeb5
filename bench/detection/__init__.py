"""How well the detectors find attacks in labelled streams, beside baselines, and how many false alarms that costs."""
