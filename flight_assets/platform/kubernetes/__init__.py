"""Kustomize base of the platform, made from the table of services and the Compose file.

The table has names, ports and needs. The Compose file has images, users, limits, secrets and networks.
So Kubernetes repeats neither. `make kubernetes` writes `deploy/kubernetes/base`.
"""
