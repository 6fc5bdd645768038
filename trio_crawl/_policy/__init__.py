"""The decisions of a crawl: what is in scope, allowed, due, worth repeating, and where to next.

Pure: nothing here reads a clock, waits, or opens anything. Moments are handed in.
"""
