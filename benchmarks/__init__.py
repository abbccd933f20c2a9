"""Benchmarks: a script for each question, and what several of them need."""
