"""The nouns of Tallyman: Event, Alert, and the interfaces of its parts; imports nothing of ours."""
