"""What OAR says: its commands, its dialects, its states and what they mean."""
