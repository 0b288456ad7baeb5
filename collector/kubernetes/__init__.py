"""What a request to a Kubernetes API server was, whichever provider's log it stands in."""
