"""What the behaviour detectors share: who is watched, the clock they go by, and what is remembered of each."""
