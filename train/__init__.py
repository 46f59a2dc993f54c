"""Training of the four families; `python -m train FAMILY` is the way in."""
