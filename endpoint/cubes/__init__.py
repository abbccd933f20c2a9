"""SPARQL over cubes whose observations are columns (docs/cubes.md)."""
