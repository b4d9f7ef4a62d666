"""`testbed/record`: make the recordings of fixtures/ with the real OAR of a testbed.

Each scenario brings a situation about and records what OAR's commands print in it.
"""
