"""Hostile and broken inputs, a module for each format: what each must get, and nothing else."""
