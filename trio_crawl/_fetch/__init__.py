"""Fetching: one hop, one response; which addresses are fit to connect to; content decoding."""
