"""Serve a release over HTTP: SPARQL, pages, RDF."""
