"""The program's commands, one file each."""
