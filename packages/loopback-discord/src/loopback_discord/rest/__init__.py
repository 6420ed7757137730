"""The REST API: routes, validation of requests, and a log of them."""
