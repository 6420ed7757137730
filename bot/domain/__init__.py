"""What Framehound knows, as frozen values: no I/O, standard library only."""
