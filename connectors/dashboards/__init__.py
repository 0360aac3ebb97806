"""Dashboards for Grafana, written from the list of measurements."""
