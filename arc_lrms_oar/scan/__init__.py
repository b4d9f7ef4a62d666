"""Scan: find the jobs that have ended in OAR and report them to A-REX."""
