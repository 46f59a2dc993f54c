"""Networks of the families. Imports torch only: no data, no loop, no losses; export reads it."""
