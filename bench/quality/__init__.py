"""Quality of a family, measured on people and backgrounds that training never saw."""
