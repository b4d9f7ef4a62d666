"""The commands for admins: install, uninstall, doctor, jobs and explain."""
