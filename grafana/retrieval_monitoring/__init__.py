"""Dashboards, recording rules and alerts of the retrieval service, written in Python.

`python -m grafana.retrieval_monitoring` writes the JSON and YAML that people import; `--check` only
compares. Nothing of it runs in a cluster.
"""
