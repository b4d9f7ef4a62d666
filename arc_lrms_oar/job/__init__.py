"""What the user asked for, from GRAMi to the `oarsub` line and the job script."""
