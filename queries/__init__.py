"""SPARQL queries, one file each, with a header."""
