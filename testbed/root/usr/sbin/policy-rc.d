#!/bin/sh
# Packages must not start daemons while the root is being built; the testbed starts them itself.
exit 101
