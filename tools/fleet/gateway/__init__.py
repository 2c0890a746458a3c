"""`sluice gateway`: joins the boards of a host to Prometheus and etcd."""
