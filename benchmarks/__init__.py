"""What the library costs, measured beside other ways to do the same work."""
