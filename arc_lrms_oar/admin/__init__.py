"""An admin's tools: install, uninstall and doctor, jobs and explain."""
