"""Lines of text: their shapes, and what is telling in them."""
