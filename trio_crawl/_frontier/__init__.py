"""Frontiers: the URLs of a crawl, which of them may be asked for now, and what became of each."""
