"""Helpers shared by several test modules.

- A CE: `ce` (its files), `oar_site` (with the stand-in OAR), `api_site` (by the public API),
  `bed_site` (inside the testbed), `scan_jobs`, `submission_checks`
- Substitutes: `fake_clock`, `fake_gm_kick`, `fake_ssh`, `fake_transport`, `arc_tree` (an installed
  ARC), `compute_node` (runs job scripts)
- Attacks: `file_swapper`, `hostile_text`, `kill_at_step`
- The process of the tests: `isolation`, `users`
"""
