"""What a crawl found, brought to an output.

`rows` says what a row is and how its values read as text, `lines` writes TSV,
CSV and JSON lines, `function` hands the rows to an async function, and
`choose` makes writers of what a crawl's ``write=`` accepts.
"""
