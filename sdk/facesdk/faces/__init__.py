"""What is asked of a face: where, which points, who, which pixels."""
