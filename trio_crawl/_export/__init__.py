"""What a crawl wrote, made into what other tools read: indexes, packages, sites, graphs. All of it blocks."""
