"""The suite of the stand-in: pytest testbed/standin/tests."""
