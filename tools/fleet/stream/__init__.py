"""A board's records over gRPC, with credit from end to end."""
