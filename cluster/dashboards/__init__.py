"""The Grafana dashboards in cluster/grafana/dashboards as Python: a file each, and `grafana` for what they are made of.

python -m cluster.dashboards writes them anew.
"""
