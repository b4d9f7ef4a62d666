"""What A-REX keeps on disk: its configuration, control directories and the jobs' own files."""
