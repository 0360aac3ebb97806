"""What docker-compose.yml mounts into its services, and the secrets that it needs."""
