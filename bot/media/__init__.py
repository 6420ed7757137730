"""Getting at a clip safely: fetching, probing, sampling."""
