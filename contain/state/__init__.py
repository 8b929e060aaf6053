"""The local state folder, which is the truth about containers: names of files, atomic writes, locks, reading, sweeping."""
