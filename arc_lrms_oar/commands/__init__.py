"""The commands that act on one job or on a list of jobs: submit, cancel, query, translate."""
