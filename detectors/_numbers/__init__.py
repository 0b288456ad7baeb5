"""Windows of numbers: what was seen, what is usual, and how far apart they are."""
