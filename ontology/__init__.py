"""The vocabulary of the published data: Turtle files, and typed terms generated from them."""
