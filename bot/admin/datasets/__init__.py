"""Data sets for training, made from judged turns: built, checked, described, exported."""
