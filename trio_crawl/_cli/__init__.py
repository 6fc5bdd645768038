"""The command line: arguments to a crawl, its progress, its report, its exit status."""
