"""Media: pictures from and to files."""
