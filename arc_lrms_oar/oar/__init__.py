"""OAR's side: its commands, dialects, states, and what its events mean."""
