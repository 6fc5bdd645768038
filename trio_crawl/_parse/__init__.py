"""One response to one page: its encoding, its text and its links, as a browser has them."""
