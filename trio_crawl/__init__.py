"""A fetch → parse → write web crawler on trio."""
