"""What this project takes from others: which packages, under which licences, and which files of them CI installs."""
