"""What surrounds a server in production: Prometheus, Grafana."""
